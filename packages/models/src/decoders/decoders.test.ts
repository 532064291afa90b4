import { existsSync } from 'node:fs'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Tensor, writeSafetensors } from '@volant/graph'
import { initialise, TextGenerator } from '@volant/nn'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askPython, python } from '../../test/python.js'
import { Config } from '../architectures/config.js'
import { parameterNames, transposed } from '../architectures/names.js'
import { decoderOf } from '../architectures/registry.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { saveTokeniser, trainTokeniser } from '../tokenisers/train/train.js'
import { ggufConfig } from './gguf.js'
import { decoderNetwork, openDecoder } from './pretrained.js'
import { TextWriter } from './text.js'

const llama = fileURLToPath(new URL('../../test/fixtures/decoders/llama', import.meta.url))
let folder: string
let writer: TextWriter

/** A decoder of random weights that knows all bytes. */
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-decoder-'))
  await cp(path.join(llama, 'config.json'), path.join(folder, 'config.json'))
  const tokeniser = await trainTokeniser(['a text'], { kind: 'bpe', vocabularySize: 300 }) // finds 261: a few rows of the table stand for no token
  await saveTokeniser(tokeniser, folder)
  const given = JSON.parse(await readFile(path.join(llama, 'config.json'), 'utf8'))
  const values = { ...given, vocab_size: 300, max_position_embeddings: 64, eos_token_id: 299 }
  await writeFile(path.join(folder, 'config.json'), JSON.stringify(values))
  const network = decoderNetwork({ name: folder, config: values })
  const { names } = decoderOf(new Config(values, folder))
  const tensors = [...initialise(network, 1)].map(([at, tensor]): [string, Tensor] => [
    parameterNames(at, names)[0]!,
    at.endsWith('.weight') && tensor.dims.length === 2 ? transposed(tensor) : tensor,
  ])
  await writeFile(path.join(folder, 'model.safetensors'), writeSafetensors(new Map(tensors)))
  writer = await TextWriter.open(await openDecoder(folder))
})

afterAll(async () => {
  await writer.release()
  await rm(folder, { recursive: true })
})

async function pieces(prompt: string, options: Parameters<TextWriter['write']>[1]): Promise<string[]> {
  const all: string[] = []
  for await (const piece of writer.write(prompt, options)) all.push(piece)
  return all
}

describe('writing on', () => {
  it('gives the text of its tokens, in pieces of whole characters', async () => {
    const ids = Array.from(writer.tokeniser.encode('a text').ids)
    const [tokens] = await writer.generator.generate([ids], { length: 30, seed: 3, tokens: 261 })
    const written = await pieces('a text', { maxTokens: 30, seed: 3 })
    expect(written.join('')).toBe(writer.tokeniser.decode(tokens!))
    expect(written.length).toBeGreaterThan(2)
  })

  it('ends before a stop word, wherever the pieces end', async () => {
    const whole = (await pieces('a text', { maxTokens: 30, seed: 3 })).join('')
    const word = whole.slice(6, 9)
    const cut = await pieces('a text', { maxTokens: 30, seed: 3, stop: [word, 'not in it'] })
    expect(cut.join('')).toBe(whole.slice(0, whole.indexOf(word)))
  })

  it('never goes beyond the positions, and refuses a prompt that fills them', async () => {
    await expect(pieces('x y z '.repeat(9), { maxTokens: 1000, temperature: 0 })).resolves.toBeDefined()
    await expect(pieces('x y z '.repeat(40), {})).rejects.toThrow(/tokens, but the model has 64 positions/)
  })

  it('stops when it is told to', async () => {
    const controller = new AbortController()
    const text = writer.write('a text', { maxTokens: 50, signal: controller.signal })
    await text.next()
    controller.abort(new Error('enough'))
    await expect(text.next()).rejects.toThrow('enough')
  })
})

describe('GGUF', () => {
  it('refuses unknown architectures by name', () => {
    const file = { metadata: new Map([['general.architecture', 'mamba']]), tensors: new Map() }
    expect(() => ggufConfig(file, 'a.gguf')).toThrow(/a\.gguf: the architecture "mamba" is not known in GGUF files/)
  })

  const models = process.env['VOLANT_TEST_MODELS']
  const file = path.join(models ?? '', 'smollm2.gguf')
  it.skipIf(!models || !existsSync(file) || !python)(
    'says what transformers says (VOLANT_TEST_MODELS/smollm2.gguf, VOLANT_PARITY_PYTHON)',
    { timeout: 120_000 },
    async () => {
      const decoder = await openDecoder(file)
      const ids = Array.from(new Tokeniser(decoder.description.tokeniser).encode('The capital of France is').ids)
      const expected = askPython<{ logits: number[]; next: number[] }>('gguf_logits.py', { file, ids })
      const generator = await TextGenerator.open(decoderNetwork(decoder.description), await decoder.weights())
      const [logits] = await generator.steps.start([ids])
      const differences = expected.logits.map((value, token) => Math.abs(value - logits![token]!))
      const [next] = await generator.generate([ids], { length: 20, temperature: 0, stop: decoder.description.ends })
      await generator.release()
      expect(Math.max(...differences)).toBeLessThan(1e-4)
      expect(next).toEqual(expected.next.filter((id) => !decoder.description.ends.includes(id)))
    },
  )
})
