import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Row, tableFromRows } from '@volant/data'
import { readSafetensors } from '@volant/graph'
import { openEncoder } from '@volant/models'
import { Random } from '@volant/nn'
import { afterAll, describe, expect, it } from 'vitest'
import { loadModel } from '../predict/model.js'
import { parseSpec } from '../spec/parse.js'
import type { SpecInput } from '../spec/schema.js'
import { train } from '../train/train.js'
import type { TuneName } from '../train/tuning-names.js'

/** A BERT of two layers with random weights, whose tokens are letters. */
const base = fileURLToPath(new URL('../../../models/test/fixtures/letters', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'volant-tuning-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const alphabets = { billing: 'abcdef', delivery: 'klmnop', account: 'uvwxyz' }

/** Words of letters that tell the queue, and minutes that go with it. */
function letters(rows: number): Row[] {
  const random = new Random(1, 'letters')
  const pick = (from: string) => from[random.integer(from.length)]!
  return Array.from({ length: rows }, (_, row) => {
    const [queue, alphabet] = Object.entries(alphabets)[row % 3]!
    const word = () => Array.from({ length: 2 + random.integer(4) }, () => pick(alphabet)).join('')
    const message = Array.from({ length: 1 + random.integer(3) }, word).join(' ')
    return { message, plan: row % 2 ? 'pro' : 'free', queue, minutes: (row % 3) * 10 + random.uniform() }
  })
}

const same = (a: ArrayLike<unknown>, b: ArrayLike<unknown>) => Array.from(a).every((value, place) => value === b[place])

let models = 0
function run(rows: number, spec: SpecInput) {
  const out = join(folder, `model-${models++}`)
  return train({ data: tableFromRows(letters(rows)), spec: parseSpec(spec), out })
}

const oneOutput = { inputs: { message: 'text', plan: 'category' }, outputs: { queue: 'category' } } as const

describe('tuning a base', () => {
  it.each([
    ['probe', 20],
    ['contrastive', 20],
    // At the low rate for few classes weights that were drawn by chance need longer.
    ['full', 80],
  ] as const)('%s beats the majority, and the loaded model says what the trained one said', async (tune, epochs) => {
    const report = await run(240, { ...oneOutput, train: { base, tune, encoder: 'pretrained', epochs } })
    expect(report.chosen.map(({ candidate }) => candidate)).toEqual([tune])
    const majority = report.baselines.majority.test!['queue']!.accuracy!
    expect(report.metrics.test!['queue']!.accuracy).toBeGreaterThan(majority + 0.4)
    const model = await loadModel(report.model, { worker: false })
    const { metrics } = await model.evaluate(tableFromRows(letters(240)))
    expect(metrics['queue']!.accuracy).toBeGreaterThan(majority + 0.4)
    await model.close()
  })

  const inLayers = /^encoder[.]layers[.]/
  it.each([
    ['probe', () => false],
    ['top', (path) => path.startsWith('encoder.layers.1.')],
    ['biases', (path) => /[.](bias|beta)$/.test(path)],
    // Adapters are merged: the weights they stand beside are others then.
    ['lora', (path) => inLayers.test(path) && path.endsWith('.weight')],
    ['dora', (path) => inLayers.test(path) && path.endsWith('.weight')],
  ] as [TuneName, (path: string) => boolean][])('%s changes what it is to change of the base', async (tune, learnt) => {
    const settings = { base, tune, encoder: 'pretrained', epochs: 2, refit: false } as const
    const report = await run(120, { ...oneOutput, train: settings })
    const { tensors } = readSafetensors(readFileSync(join(report.model, 'weights.safetensors')))
    const before = await (await openEncoder(base)).weights()
    const own = new Map(
      [...tensors].flatMap(([path, tensor]) => {
        const [, name] = path.split('.network.')
        return name === undefined ? [] : [[name, tensor] as const]
      }),
    )
    expect([...own.keys()].sort()).toEqual([...before.keys()].sort())
    // What is added to all keys of a query changes no weight of its softmax, so no gradient moves the biases of keys.
    const changed = [...own].filter(([path, { data }]) => !same(data, before.get(path)!.data)).map(([path]) => path)
    const expected = [...before.keys()].filter((path) => learnt(path) && !path.endsWith('key.bias'))
    expect(changed.filter((path) => !path.endsWith('key.bias')).sort()).toEqual(expected.sort())
  })

  it('learns the parts that train.learn names, and all that is within them', async () => {
    const named = ['encoder.layers.1.attention', '**.norm', 'encoder.layers.*.feedForward.up.bias']
    const expected =
      /^encoder[.]layers[.]1[.]attention[.]|[.]norm[.]|^norm[.]|^encoder[.]layers[.].[.]feedForward[.]up[.]bias$/
    const report = await run(120, { ...oneOutput, train: { base, learn: named, encoder: 'pretrained', epochs: 2 } })
    expect(report.chosen.map(({ candidate }) => candidate)).toEqual(['parts'])
    expect(report.notes.join(' ')).toContain(`Of the base is learnt what train.learn names: ${named.join(', ')}.`)
    const { tensors } = readSafetensors(readFileSync(join(report.model, 'weights.safetensors')))
    const before = await (await openEncoder(base)).weights()
    const paths = [...before.keys()].filter((path) => !path.endsWith('key.bias'))
    const after = (path: string) => [...tensors].find(([name]) => name.endsWith(`.network.${path}`))![1].data
    const changed = paths.filter((path) => !same(after(path), before.get(path)!.data))
    expect(changed.sort()).toEqual(paths.filter((path) => expected.test(path)).sort())
    expect(changed.length).toBeGreaterThan(8)
    expect(parseSpec(report.spec).train.learn).toEqual(named)
  })

  it('refuses a part that the base does not have, and names some that it has', async () => {
    const spec: SpecInput = { ...oneOutput, train: { base, learn: ['encoder.layers.1', 'encoder.layers.2'] } }
    await expect(run(60, spec)).rejects.toThrow(
      /train\.learn: the pattern "encoder\.layers\.2" names nothing of the base .*; there are words\.table, .*encoder\.layers\.\*\.attention\.query\.weight/,
    )
  })

  it('learns a number beside a category', async () => {
    const report = await run(240, {
      inputs: { message: 'text', plan: 'category' },
      outputs: { queue: 'category', minutes: 'number' },
      train: { base, tune: 'full', encoder: 'pretrained', epochs: 20 },
    })
    expect(report.metrics.test!['minutes']!.rmse).toBeLessThan(report.baselines.majority.test!['minutes']!.rmse!)
  })

  it('chooses by the rows of a class, and says why', async () => {
    const few = await run(60, { ...oneOutput, train: { base, epochs: 1 } })
    expect(few.chosen.map(({ candidate }) => candidate)).toEqual(['linear', 'contrastive'])
    expect(few.notes.join(' ')).toMatch(/tuned by pairs of rows of a class: \d+ rows a class are too few/)
    const two = await run(60, { ...oneOutput, outputs: { queue: 'category', minutes: 'number' }, train: { base } })
    expect(two.chosen.map(({ candidate }) => candidate)).toEqual(['linear', 'probe'])
    const many = await run(600, { ...oneOutput, train: { base, epochs: 1 } })
    expect(many.chosen.map(({ candidate }) => candidate)).toEqual(['linear', 'full'])
  })

  it('has no pairs to tune by where no class has two rows to train on, and is a probe then', async () => {
    const rows = letters(24).map((row, place) => ({ ...row, queue: `queue ${place % 12}` }))
    const out = join(folder, `model-${models++}`)
    const spec = parseSpec({
      ...oneOutput,
      train: { base, tune: 'contrastive', encoder: 'pretrained', split: [0.5, 0.5, 0] },
    })
    const report = await train({ data: tableFromRows(rows), spec, out })
    expect(report.chosen.map(({ candidate }) => candidate)).toEqual(['contrastive'])
  })

  it('names the base, its weights and its licence in the report and the model card', async () => {
    const licensed = join(folder, 'licensed')
    cpSync(base, licensed, { recursive: true })
    writeFileSync(join(licensed, 'README.md'), '---\nlicense: mit\n---\n# Letters\n')
    const train = { tune: 'probe', encoder: 'pretrained' } as const
    for (const [from, told] of [
      [licensed, 'whose licence (mit) holds for this one too'],
      [base, 'whose folder states no licence'],
    ] as const) {
      const report = await run(60, { ...oneOutput, train: { ...train, base: from } })
      const { sha256 } = report.base!
      expect(report.base!.name).toBe(from)
      expect(readFileSync(join(report.model, 'README.md'), 'utf8')).toContain(
        `\`${from}\` (sha256 of its weights: ${sha256}), ${told}`,
      )
    }
  })

  it('refuses what does not go together', async () => {
    const refused = (spec: object, message: RegExp) =>
      expect(() => parseSpec({ ...oneOutput, train: spec } as SpecInput)).toThrow(message)
    refused({ encoder: 'pretrained' }, /train\.encoder.*pretrained needs train\.base/)
    refused({ encoder: 'cnn', base }, /train\.base.*only the encoders auto and pretrained/)
    refused({ tune: 'lora' }, /train\.tune.*lora needs train\.base/)
    const twoOutputs = { ...oneOutput, outputs: { queue: 'category', minutes: 'number' } } as const
    await expect(run(60, { ...twoOutputs, train: { base, tune: 'contrastive' } })).rejects.toThrow(/exactly one output/)
    await expect(run(60, { ...oneOutput, train: { base: folder } })).rejects.toThrow(/no folder of a pretrained model/)
  })
})
