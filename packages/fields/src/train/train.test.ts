import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Row, tableFromRows } from '@volant/data'
import * as ort from 'onnxruntime-node'
import { afterAll, describe, expect, it } from 'vitest'
import { tickets } from '../fixtures.js'
import type { Examples, ModelFile, PlainTensor } from '../folder/format.js'
import { loadModel } from '../predict/model.js'
import { inferSpec } from '../spec/infer.js'
import { parseSpec } from '../spec/parse.js'
import type { SpecInput } from '../spec/schema.js'
import { specYaml } from '../spec/yaml.js'
import type { TrainEvent } from './events.js'
import { train } from './train.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-train-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let models = 0
const freshOut = () => join(folder, `model-${models++}`)

function run(rows: Row[], spec: SpecInput, more: Partial<Parameters<typeof train>[0]> = {}) {
  return train({ data: tableFromRows(rows, 'rows'), spec: parseSpec(spec), out: freshOut(), ...more })
}

const queueSpec: SpecInput = { inputs: { message: 'text' }, outputs: { queue: 'category' } }

describe('train', () => {
  it('reports the split, the choice, metrics with intervals and both baselines', async () => {
    const events: TrainEvent[] = []
    const report = await run(tickets(300), queueSpec, { onEvent: (event) => events.push(event) })
    expect(report.task).toBe('classification')
    expect(report.split).toMatchObject({ train: 240, valid: 30, test: 30, ratios: [0.8, 0.1, 0.1] })
    const { accuracy, logLoss } = report.metrics.test!['queue']!
    expect(accuracy).toBeGreaterThan(0.95)
    expect(logLoss).toBeLessThan(0.2)
    const [low, high] = report.intervals.test!['queue']!.accuracy!
    expect(low).toBeLessThanOrEqual(accuracy!)
    expect(high).toBeGreaterThanOrEqual(accuracy!)
    expect(report.baselines.majority.test!['queue']!.accuracy).toBeLessThan(0.5)
    expect(report.baselines.linear.test!['queue']!.accuracy).toBe(accuracy)
    expect(report.chosen).toMatchObject([{ candidate: 'linear', weights: { queue: 1 } }])
    expect(report.spec.train.candidates).toEqual(['linear'])
    expect(report.notes.join()).toMatch(
      /Not tried, as 240 training rows are fewer than the 1000 they need: \w+, \w+, \w+\./,
    )

    const phases = events.flatMap((event) => (event.kind === 'phase' ? [event.phase] : []))
    expect(phases).toEqual(['read', 'baselines', 'choose', 'refit', 'evaluate', 'write'])
    const fractions = events.flatMap((event) =>
      event.kind === 'phase' || event.kind === 'progress' ? [event.fraction] : [],
    )
    expect(fractions).toEqual([...fractions].sort((a, b) => a - b))
  })

  it('makes the same model from the same spec, rows and seed, also from the spec it stored', async () => {
    const first = await run(tickets(200), queueSpec)
    const second = await run(tickets(200), queueSpec)
    const again = await run(tickets(200), first.spec)
    expect(second.id).toBe(first.id)
    expect(again.id).toBe(first.id)
    expect(again.metrics).toEqual(first.metrics)
    const other = await run(tickets(200), { ...queueSpec, train: { seed: 7 } })
    expect(other.id).not.toBe(first.id)
  })

  it('repeats a choice among several from the spec it stored, byte for byte', async () => {
    const first = await run(tickets(90), { ...queueSpec, train: { candidates: ['linear', 'bag'], epochs: 1 } })
    const kept = first.chosen.filter(({ weights }) => weights['queue']! > 0)
    expect(kept.map(({ candidate }) => candidate)).toEqual(['linear'])
    expect((await run(tickets(90), first.spec)).id).toBe(first.id)
  })

  it('ships the encoder that was asked for, and only the linear model by itself, without validation rows', async () => {
    const train: SpecInput['train'] = { encoder: 'bag', epochs: 2, split: [0.8, 0, 0.2] }
    const asked = await run(tickets(100), { ...queueSpec, train })
    expect(asked.chosen).toMatchObject([{ candidate: 'bag', weights: { queue: 1 } }])
    expect(asked.metrics.valid).toBeNull()
    expect(asked.metrics.test!['queue']!.accuracy).toBeGreaterThan(0)
    const several: SpecInput['train'] = { ...train, encoder: 'auto', candidates: ['linear', 'bag'] }
    const compared = await run(tickets(100), { ...queueSpec, train: several })
    expect(compared.chosen).toMatchObject([{ candidate: 'linear' }])
    expect(compared.notes.join()).toMatch(/no validation rows are there to compare by: bag/)
  })

  it('runs outside on stock ONNX Runtime, from the tensors of examples.json alone', async () => {
    const spec: SpecInput = {
      inputs: { message: 'text', plan: 'category', age: 'number', vip: 'boolean' },
      outputs: { queue: 'category', minutes: 'number', urgent: 'boolean' },
    }
    const rows = tickets(120).map((row, at) => ({
      ...row,
      message: `${row['message']} write to ann@example.org`,
      vip: at % 3 === 0,
      age: at % 7 === 0 ? null : row['age']!,
    }))
    const { model } = await run(rows, spec)
    const examples = JSON.parse(readFileSync(join(model, 'examples.json'), 'utf8')) as Examples
    const { signature } = JSON.parse(readFileSync(join(model, 'model.json'), 'utf8')) as ModelFile
    const session = await ort.InferenceSession.create(join(model, 'model.onnx'))
    expect(session.inputNames.toSorted()).toEqual(signature.inputs.map(({ name }) => name).toSorted())
    expect(session.inputNames.toSorted()).toEqual(['age', 'message.ids', 'message.weights', 'plan', 'vip'])
    expect(session.outputNames.toSorted()).toEqual([
      'minutes.value',
      'queue.probabilities',
      'queue.value',
      'urgent.probabilities',
      'urgent.value',
    ])
    const feeds = Object.fromEntries(Object.entries(examples.inputs).map(([name, tensor]) => [name, ortTensor(tensor)]))
    const results = await session.run(feeds)
    for (const [name, expected] of Object.entries(examples.outputs)) {
      expect([...results[name]!.dims]).toEqual(expected.dims)
      const found = Array.from(results[name]!.data as Iterable<number | bigint>, Number)
      found.forEach((value, at) => {
        expect(value).toBeCloseTo(expected.data[at]!, 4)
      })
    }
    expect(examples.rows).toHaveLength(8)
    expect(JSON.stringify(examples.rows)).toContain('write to [email]')
    expect(JSON.stringify(examples)).not.toContain('ann@example.org')
    await session.release()
  })

  it('learns several outputs with labels missing per output', async () => {
    const rows = tickets(300).map((row, at) => (at % 2 === 0 ? { ...row, queue: null } : { ...row, urgent: null }))
    const report = await run(rows, { inputs: { message: 'text' }, outputs: { queue: 'category', urgent: 'boolean' } })
    expect(report.task).toBe('multi')
    expect(report.metrics.test!['queue']!.accuracy).toBeGreaterThan(0.9)
    expect(report.metrics.test!['urgent']!.rocAuc).toBeGreaterThan(0.9)
    expect(report.positive).toEqual({ urgent: 'true' })
  })

  it('survives an output of which very few rows have a label', async () => {
    const rows = tickets(60).map((row, at) => ({
      ...row,
      urgent: at < 4 ? at % 2 === 0 : null,
      minutes: at < 3 ? at : null,
    }))
    const spec: SpecInput = {
      inputs: { message: 'text' },
      outputs: { queue: 'category', urgent: 'boolean', minutes: 'number' },
    }
    const report = await run(rows, spec)
    expect(report.metrics.test!['queue']!.accuracy).toBeGreaterThan(0.5)
  })

  it('takes about a second for 100 rows', async () => {
    const { seconds } = await run(tickets(100), queueSpec)
    expect(seconds).toBeLessThan(5)
  })

  it('keeps given parts as they are and reports overlaps', async () => {
    const rows = tickets(200)
    const report = await run(rows, queueSpec, { test: tableFromRows(rows.slice(0, 20), 'test') })
    expect(report.split).toMatchObject({ test: 20, ratios: [0.9, 0.1, 0] })
    expect(report.split.train + report.split.valid).toBe(200)
    expect(report.split.overlap.test).toBeGreaterThan(0)
    expect(report.notes.join()).toMatch(/rows of the test file also occur in the training rows/)
    const both = await run(rows, queueSpec, { test: tableFromRows(tickets(30)), valid: tableFromRows(tickets(40)) })
    expect(both.split).toMatchObject({ train: 200, valid: 40, test: 30, ratios: null })
  })

  it('tells what it left out or saw: empty inputs, case variants, unreadable and unlabelled rows', async () => {
    const rows = tickets(120).map((row, at) => ({
      ...row,
      empty: '',
      queue: at % 10 === 0 ? 'Billing' : at === 1 ? null : row['queue']!,
      age: at === 5 ? 'old' : row['age']!,
    }))
    const wanted: SpecInput = {
      inputs: { message: 'text', empty: 'category', age: 'number' },
      outputs: { queue: 'category' },
    }
    const { notes, spec } = await run(rows, wanted, { notes: ['Column "id" is left out.'] })
    expect(notes[0]).toBe('Column "id" is left out.')
    const said = notes.join('\n')
    expect(said).toMatch(/Input "empty" is empty in every training row and left out/)
    expect(Object.keys(spec.inputs)).toEqual(['message', 'age'])
    expect(said).toMatch(/differ only in case: "Billing", "billing"/)
    expect(said).toMatch(/Column "age": expected a number, found "old" in 1 of 120 rows/)
    expect(said).toMatch(/1 of 120 rows have no label and are left out/)
  })

  it('takes NA among true and false for a missing label, as inference does', async () => {
    const rows = tickets(120).map((row, at) => ({ ...row, urgent: at % 10 === 0 ? 'NA' : String(row['urgent']) }))
    const { notes } = await run(rows, { inputs: { message: 'text' }, outputs: { urgent: 'boolean' } })
    expect(notes.join()).toMatch(/12 of 120 rows have no label and are left out/)
  })

  it('says when rows with equal inputs leave none to test with', async () => {
    const { split, notes } = await run(tickets(90), { inputs: { plan: 'category' }, outputs: { queue: 'category' } })
    expect(split).toMatchObject({ train: 90, valid: 0, test: 0 })
    expect(notes.join()).toMatch(/no row is left for the valid and test parts/)
  })

  it('takes NA beside 0 and 1 for a missing label, not for a class', async () => {
    const rows = tickets(120).map((row, at) => ({
      message: row['message']!,
      late: at % 9 === 0 ? 'NA' : row['queue'] === 'delivery' ? '1' : '0',
    }))
    const { spec } = await inferSpec(tableFromRows(rows), { outputs: ['late'] })
    expect(spec.outputs).toEqual({ late: { type: 'category', weight: 1, missing: ['NA'] } })
    expect(parseSpec(specYaml(spec))).toEqual(spec)
    const report = await train({ data: tableFromRows(rows, 'rows'), spec, out: freshOut() })
    expect(report.positive).toEqual({ late: '1' })
    expect(report.notes.join()).toMatch(/14 of 120 rows have no label/)
  })

  it('chooses the positive class: as asked, else true / yes / 1, else the rarer', async () => {
    const labelled = (labels: [string, string]) =>
      tickets(120).map((row, at) => ({ ...row, queue: labels[at % 3 === 0 ? 1 : 0]! }))
    expect((await run(labelled(['common', 'rare']), queueSpec)).positive).toEqual({ queue: 'rare' })
    expect((await run(labelled(['Yes', 'No']), queueSpec)).positive).toEqual({ queue: 'Yes' })
    const asked: SpecInput = { ...queueSpec, outputs: { queue: { type: 'category', positive: 'common' } } }
    expect((await run(labelled(['common', 'rare']), asked)).positive).toEqual({ queue: 'common' })
    await expect(run(labelled(['commom', 'rare']), asked)).rejects.toMatchObject({
      code: 'bad-spec',
      details: { nearest: 'commom' },
    })
  })
})

describe('train refuses', () => {
  const cases: [string, Row[], SpecInput, string, RegExp][] = [
    [
      'one class',
      tickets(30).map((row) => ({ ...row, queue: 'a' })),
      queueSpec,
      'one-class',
      /"queue" has one class only \("a" in every/,
    ],
    [
      'single rows',
      tickets(30).map((row, at) => ({ ...row, queue: `q${at}` })),
      queueSpec,
      'single-rows',
      /30 classes with a single row each/,
    ],
    [
      'an empty output',
      tickets(30).map((row) => ({ ...row, queue: ' ' })),
      queueSpec,
      'empty-column',
      /"queue" is empty/,
    ],
    [
      'empty inputs',
      tickets(30).map((row) => ({ ...row, message: '' })),
      queueSpec,
      'no-inputs',
      /"message" is empty in every row/,
    ],
    [
      'a missing column',
      tickets(30),
      { ...queueSpec, inputs: { mesage: 'text' } },
      'missing-column',
      /"mesage".*"message"/,
    ],
    ['no rows', [], queueSpec, 'missing-column', /.*/],
    [
      'wrong labels',
      tickets(30),
      { ...queueSpec, outputs: { queue: 'number' } },
      'bad-value',
      /expected a number, found "billing" in 30 of 30 rows/,
    ],
    [
      'wrong inputs',
      tickets(30),
      { ...queueSpec, inputs: { plan: 'number' } },
      'bad-value',
      /"plan": expected a number/,
    ],
  ]
  it.each(cases)('%s', async (_, rows, spec, code, message) => {
    const out = freshOut()
    await expect(run(rows, spec, { out })).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
    expect(existsSync(out)).toBe(false)
  })

  it('a split for a part that is given', async () => {
    const spec: SpecInput = { ...queueSpec, train: { split: [0.8, 0.1, 0.1] } }
    await expect(run(tickets(60), spec, { test: tableFromRows(tickets(20)) })).rejects.toMatchObject({
      code: 'split-conflict',
    })
  })

  it('a target that is no model folder, and replaces one that is', async () => {
    const out = freshOut()
    const first = await run(tickets(60), queueSpec, { out })
    const second = await run(tickets(90), queueSpec, { out })
    expect(second.id).not.toBe(first.id)
    expect((await loadModel(out, { worker: false })).id).toBe(second.id)
    const occupied = mkdtempSync(join(folder, 'occupied-'))
    writeFileSync(join(occupied, 'letter.txt'), 'mine')
    await expect(run(tickets(60), queueSpec, { out: occupied })).rejects.toMatchObject({ code: 'out-occupied' })
    expect(readdirSync(occupied)).toEqual(['letter.txt'])
  })

  it.each(['read', 'baselines', 'search', 'refit', 'write'] as const)(
    'to go on when cancelled in "%s", and leaves nothing',
    async (phase) => {
      const controller = new AbortController()
      const place = mkdtempSync(join(folder, 'cancelled-'))
      const onEvent = (event: TrainEvent) => {
        if (event.kind === 'phase' && event.phase === phase) controller.abort()
      }
      const out = join(place, 'model')
      const spec: SpecInput = {
        inputs: { plan: 'category', age: 'number' },
        outputs: { queue: 'category' },
        train: { candidates: ['linear', 'table'] },
      }
      const running = run(tickets(90), spec, { out, onEvent, signal: controller.signal })
      await expect(running).rejects.toMatchObject({ code: 'cancelled' })
      expect(readdirSync(place)).toEqual([])
    },
  )
})

function ortTensor({ dtype, dims, data }: PlainTensor): ort.Tensor {
  const numbers = data.map((value) => value ?? Number.NaN)
  if (dtype === 'int64') return new ort.Tensor('int64', BigInt64Array.from(numbers, BigInt), dims)
  return new ort.Tensor('float32', Float32Array.from(numbers), dims)
}
