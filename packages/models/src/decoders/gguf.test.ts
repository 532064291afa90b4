import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { GraphBuilder, type Tensor, tensorOf } from '@volant/graph'
import { Context, compute, type Nested, TextGenerator } from '@volant/nn'
import { afterAll, describe, expect, it } from 'vitest'
import { askPython, python } from '../../test/python.js'
import type { GgufValue } from '../files/gguf.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { ggufConfig } from './gguf.js'
import { decoderNetwork, openDecoder, type PretrainedDecoder } from './pretrained.js'
import { writeDecoder } from './write.js'

const test = fileURLToPath(new URL('../../test', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'volant-gguf-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** A file of a Llama with these settings of rotary positions, and the factors of the four pairs of a head. */
const llama = (settings: Record<string, GgufValue>, factors?: number[]) => ({
  metadata: new Map<string, GgufValue>([
    ['general.architecture', 'llama'],
    ...Object.entries(settings).map(([name, value]) => [`llama.${name}`, value] as const),
  ]),
  tensors: new Map(factors && [['rope_freqs.weight', { shape: [4], format: 'F32' }]]),
  read: async (): Promise<Tensor> => tensorOf('float32', [4], factors!),
})

const rope = async (...of: Parameters<typeof llama>) =>
  (await ggufConfig(llama(...of), 'a.gguf')).section('rope_parameters').values

it('refuses unknown architectures by name', async () => {
  const file = { ...llama({}), metadata: new Map([['general.architecture', 'mamba']]) }
  await expect(ggufConfig(file, 'a.gguf')).rejects.toThrow(
    /a\.gguf: the architecture "mamba" is not known in GGUF files/,
  )
})

describe('rotary positions', () => {
  it('are scaled as the metadata say, by the factors of a tensor, or by both', async () => {
    const linear = { 'rope.scaling.type': 'linear', 'rope.scaling.factor': 4 }
    expect(await rope(linear)).toMatchObject({ rope_type: 'linear', factor: 4 })
    expect(await rope({}, [1, 1, 2, 8])).toMatchObject({ rope_type: 'longrope', long_factor: [1, 1, 2, 8] })
    expect(await rope(linear, [1, 1, 2, 8])).toMatchObject({ rope_type: 'longrope', short_factor: [4, 4, 8, 32] })
    expect(await rope({ 'rope.scaling.type': 'yarn' }, [1, 1, 2, 8])).toMatchObject({ rope_type: 'yarn' })
  })

  it('of Llama 3.1 give the logits that transformers gives for the folder, also written as a folder', async () => {
    const expected = JSON.parse(readFileSync(path.join(test, 'fixtures/decoders/llama3/expected.json'), 'utf8'))
    const [ids] = expected.ids as number[][]
    const logits = (expected.logits as number[][]).slice(0, ids!.length)
    const decoder = await openDecoder(path.join(test, 'weights/llama3.gguf'))
    expect(difference(await logitsOf(decoder, ids!), logits)).toBeLessThan(1e-4)

    const unscaled = { ...decoder.description.config, rope_parameters: { rope_theta: 50 } }
    const other = { ...decoder, description: { ...decoder.description, config: unscaled } }
    expect(difference(await logitsOf(other, ids!), logits)).toBeGreaterThan(0.01)

    const written = path.join(folder, 'llama3')
    await writeDecoder(written, { description: decoder.description, weights: await decoder.weights() })
    expect(difference(await logitsOf(await openDecoder(written), ids!), logits)).toBeLessThan(1e-4)
    if (!python) return
    const said = askPython<{ logits: number[][] }>('peft_logits.py', { base: written, adapter: null, ids })
    expect(difference(said.logits, logits)).toBeLessThan(1e-4)
  })
})

async function logitsOf({ description, weights }: PretrainedDecoder, ids: readonly number[]): Promise<number[][]> {
  const network = decoderNetwork(description)
  const context = new Context(new GraphBuilder(), network)
  const scores = network.apply(context, context.input('ids', 'int64', ['B', 'T']))
  const feeds = { ...Object.fromEntries(await weights()), ids: tensorOf('int64', [1, ids.length], ids) }
  return ((await compute({ scores }, feeds)).scores as Nested[][])[0] as number[][]
}

function difference(a: readonly number[][], b: readonly number[][]): number {
  expect(a.length).toBe(b.length)
  return Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i]![j]!))))
}

describe('a real model', () => {
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
