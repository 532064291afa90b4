import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { readSafetensors } from '@volant/graph'
import { afterAll, describe, expect, it } from 'vitest'
import { saveTokeniser, trainTokeniser } from '../tokenisers/train/train.js'
import { openDecoder } from './pretrained.js'
import { writeDecoder } from './write.js'

const fixtures = fileURLToPath(new URL('../../test/fixtures/decoders', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'volant-decoder-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const tokeniser = await trainTokeniser(['a b'], { kind: 'wordpiece', vocabularySize: 10, minFrequency: 1 })
const tensorsOf = (path: string) =>
  readSafetensors(new Uint8Array(readFileSync(join(path, 'model.safetensors')))).tensors

describe('decoders are written as they were read', () => {
  it.each(readdirSync(fixtures).filter((name) => /^(gpt2|llama)/.test(name)))('%s', async (name) => {
    const from = join(folder, `${name}-read`)
    cpSync(join(fixtures, name), from, { recursive: true })
    await saveTokeniser(tokeniser, from)
    const decoder = await openDecoder(from)
    const to = join(folder, name)
    await writeDecoder(to, { description: decoder.description, weights: await decoder.weights() }, '# A card\n')
    const again = await openDecoder(to)
    expect(await again.weights()).toEqual(await decoder.weights())
    expect(again.description.ends).toEqual(decoder.description.ends)
    const [written, given] = [tensorsOf(to), tensorsOf(join(fixtures, name))]
    for (const [tensor, value] of written) expect([tensor, value]).toEqual([tensor, given.get(tensor)])
    expect(readFileSync(join(to, 'README.md'), 'utf8')).toBe('# A card\n')
  })
})
