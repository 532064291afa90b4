import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { tableFromRows } from '@volant/data'
import { readSafetensors, type Tensor } from '@volant/graph'
import { openEncoder, type PretrainedEncoder, TextEmbedder, withEncoderAdapter } from '@volant/models'
import { afterAll, describe, expect, it } from 'vitest'
import { askPython, python } from '../../../models/test/python.js'
import { sha256 } from '../folder/write.js'
import { parseSpec } from '../spec/parse.js'
import { train } from '../train/train.js'

/** A BERT of two layers with random weights, whose tokens are letters. */
const base = fileURLToPath(new URL('../../../models/test/fixtures/letters', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'volant-encoder-adapters-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const rows = Array.from({ length: 90 }, (_, row) => ({
  message: `${['abc', 'klm', 'uvw'][row % 3]} ${'abcdefghij'[row % 10]}`,
  title: `${['fed', 'pon', 'zyx'][row % 3]} ${'xyz'[row % 7] ?? 'k'}`,
  queue: ['billing', 'delivery', 'account'][row % 3]!,
}))
const texts = ['abc k', 'uvwxyz', 'a longer text']

async function vectors(encoder: PretrainedEncoder): Promise<number[][]> {
  const embedder = await TextEmbedder.open(encoder, { threads: 1 })
  const { vectors } = await embedder.embed(texts)
  await embedder.release()
  return vectors.map((vector) => Array.from(vector))
}

const difference = (a: readonly number[][], b: readonly number[][]) =>
  Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i]![j]!))))

/** The encoder of an input as the model has it, adapters folded in. */
async function merged(model: string, input: string): Promise<PretrainedEncoder> {
  const { tensors } = readSafetensors(readFileSync(join(model, 'weights.safetensors')))
  const start = new RegExp(`^[^.]+[.]inputs[.]${input}[.]network[.]`)
  const own = new Map<string, Tensor>(
    [...tensors].flatMap(([name, tensor]) => (start.test(name) ? [[name.replace(start, ''), tensor]] : [])),
  )
  return { ...(await openEncoder(base)), weights: async () => own }
}

describe.each(['lora', 'dora'] as const)('a base tuned by %s', (tune) => {
  it('is beside the model as an adapter that gives the same vectors, here and in PEFT', {
    timeout: 60_000,
  }, async () => {
    const spec = parseSpec({
      inputs: { message: 'text', title: 'text' },
      outputs: { queue: 'category' },
      train: { base, tune, encoder: 'pretrained', epochs: 4, split: [0.8, 0.1, 0.1] },
    })
    const model = join(folder, tune)
    await train({ data: tableFromRows(rows), spec, out: model })
    const { files } = JSON.parse(readFileSync(join(model, 'model.json'), 'utf8'))
    const plain = await openEncoder(base)
    for (const [input, place] of [
      ['message', 'adapter'],
      ['title', 'adapter2'],
    ] as const) {
      const adapter = join(model, place)
      const expected = await vectors(await merged(model, input))
      expect(difference(expected, await vectors(plain))).toBeGreaterThan(0.01)
      expect(difference(await vectors(await withEncoderAdapter(plain, adapter)), expected)).toBeLessThan(1e-5)
      for (const name of ['adapter_config.json', 'adapter_model.safetensors'])
        expect(files[`${place}/${name}`]).toBe(sha256(readFileSync(join(adapter, name))))
      expect(JSON.parse(readFileSync(join(adapter, 'adapter_config.json'), 'utf8'))).toMatchObject({
        base_model_name_or_path: base,
        volant_base_sha256: plain.description.base.sha256,
        use_dora: tune === 'dora',
        r: 8,
      })
      if (python) {
        const said = askPython<number[][]>('sentence_vectors.py', { folder: base, texts, longest: 32, adapter })
        expect(difference(said, expected)).toBeLessThan(1e-4)
      }
    }
  })
})

it('a base that is learnt otherwise has no adapter beside the model', async () => {
  const spec = parseSpec({
    inputs: { message: 'text' },
    outputs: { queue: 'category' },
    train: { base, tune: 'biases', encoder: 'pretrained', epochs: 1, refit: false },
  })
  const model = join(folder, 'biases')
  await train({ data: tableFromRows(rows), spec, out: model })
  const { files } = JSON.parse(readFileSync(join(model, 'model.json'), 'utf8'))
  expect(Object.keys(files).filter((name) => name.includes('adapter'))).toEqual([])
  await expect(withEncoderAdapter(await openEncoder(base), join(model, 'adapter'))).rejects.toThrow(
    /no folder of an adapter/,
  )
})
