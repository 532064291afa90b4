import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { openDecoder } from './decoders/pretrained.js'
import { openEncoder } from './encoders/pretrained.js'
import { ModelsError } from './errors.js'

const fixtures = fileURLToPath(new URL('../test/fixtures', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'volant-damaged-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

// biome-ignore lint/suspicious/noExplicitAny: files that may hold anything
type Json = any

/** The folder of a fixture, one file of it changed. */
function damaged(fixture: string, file: string, change: (json: Json) => unknown): string {
  const to = mkdtempSync(join(folder, `${fixture}-`))
  cpSync(join(fixtures, fixture), to, { recursive: true })
  const own = join(to, file)
  let before: Json = {}
  try {
    before = JSON.parse(readFileSync(own, 'utf8'))
  } catch {}
  const after = change(before)
  writeFileSync(own, typeof after === 'string' ? after : JSON.stringify(after))
  return to
}

/** What JSON has no undefined for. */
const without = (json: Json, name: string) => ({ ...json, [name]: undefined })

describe('a damaged folder is refused in a sentence', () => {
  it.each<[file: string, change: (json: Json) => unknown, code: string, message: RegExp]>([
    ['config.json', () => null, 'bad-config', /config.json holds null, expected an object/],
    ['config.json', () => '{', 'bad-config', /config.json is not valid JSON/],
    ['config.json', (c) => without(c, 'hidden_size'), 'bad-config', /"hidden_size" is missing/],
    ['config.json', (c) => ({ ...c, num_attention_heads: 3 }), 'bad-config', /cannot be: .* split into 3 heads/],
    ['config.json', (c) => ({ ...c, num_hidden_layers: 1e9 }), 'bad-config', /"num_hidden_layers" is 1000000000/],
    [
      'config.json',
      (c) => ({ ...c, hidden_dropout_prob: 3 }),
      'bad-config',
      /config.json describes .*probability is 3/,
    ],
    ['config.json', (c) => ({ ...c, vocab_size: 3 }), 'vocabulary-too-large', /embedding has 3 rows/],
    [
      'config.json',
      (c) => ({ ...c, quantization_config: { quant_method: 'gptq', bits: 4 } }),
      'unsupported-quantisation',
      /config.json: the weights are quantised \(gptq\).*Q4_1/,
    ],
    ['tokenizer_config.json', () => [], 'tokeniser-broken', /tokenizer_config.json holds \[\], expected an object/],
    ['modules.json', () => ({}), 'bad-config', /modules.json is no list of modules/],
    ['modules.json', () => [{ type: 'a.Pooling' }], 'bad-config', /modules.json is no list of modules/],
  ])('encoder, %s %#', async (file, change, code, message) => {
    const error = await openEncoder(damaged('letters', file, change)).catch((error) => error)
    expect(error).toBeInstanceOf(ModelsError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  const withModel = (json: Json, change: object) => ({ ...json, model: { ...json.model, ...change } })
  const withAdded = (json: Json, change: object) => ({
    ...json,
    added_tokens: [{ ...json.added_tokens[0], ...change }],
  })

  it.each<[file: string, change: (json: Json) => unknown, code: string, message: RegExp]>([
    ['config.json', (c) => ({ ...c, num_key_value_heads: 3 }), 'bad-config', /heads of keys evenly/],
    ['config.json', (c) => ({ ...c, rope_theta: 0 }), 'bad-config', /"rope_theta" is 0, expected .* at least 1/],
    ['generation_config.json', () => null, 'bad-config', /generation_config.json holds null/],
    ['tokenizer.json', (t) => without(t, 'model'), 'tokeniser-broken', /"model" is missing/],
    ['tokenizer.json', (t) => withModel(t, { merges: [null] }), 'tokeniser-broken', /tokeniser's "model" lacks/],
    ['tokenizer.json', (t) => withModel(t, { vocab: { a: -1 } }), 'tokeniser-broken', /the id of "a" is -1/],
    [
      'tokenizer.json',
      (t) => withModel(t, { vocab: { a: 2 ** 32 } }),
      'tokeniser-broken',
      /the id of "a" is 4294967296/,
    ],
    ['tokenizer.json', (t) => withAdded(t, { content: 0 }), 'tokeniser-broken', /expected "content" and "id"/],
    ['tokenizer.json', (t) => ({ ...t, added_tokens: {} }), 'tokeniser-broken', /"added_tokens" is not an array/],
    [
      'tokenizer.json',
      (t) => ({ ...t, post_processor: { type: 'TemplateProcessing' } }),
      'tokeniser-broken',
      /tokeniser's "post_processor" lacks settings/,
    ],
  ])('decoder, %s %#', async (file, change, code, message) => {
    const error = await openDecoder(damaged('writer', file, change)).catch((error) => error)
    expect(error).toBeInstanceOf(ModelsError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })
})
