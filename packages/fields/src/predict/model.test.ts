import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Row, tableFromRows } from '@volant/data'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { tickets } from '../fixtures.js'
import { parseSpec } from '../spec/parse.js'
import { train } from '../train/train.js'
import { loadModel, type TrainedModel } from './model.js'
import type { OutputPrediction } from './prediction.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-predict-'))
const out = join(folder, 'model')
let model: TrainedModel

beforeAll(async () => {
  const spec = parseSpec({
    inputs: { message: 'text', plan: 'category', age: 'number' },
    outputs: { queue: 'category', minutes: 'number' },
  })
  await train({ data: tableFromRows(tickets(240), 'tickets'), spec, out, lineage: { data: 'tickets' } })
  model = await loadModel(out, { worker: false })
})
afterAll(async () => {
  await model.close()
  rmSync(folder, { recursive: true, force: true })
})

const row: Row = { message: 'my parcel has a wrong address', plan: 'pro', age: 40 }

describe('TrainedModel', () => {
  it('answers one row and many alike, in order, over batches', async () => {
    const rows = tickets(700)
    const together = await model.predict(rows)
    expect(together).toHaveLength(700)
    for (const place of [0, 63, 64, 65, 699]) {
      const alone = (await model.predict(rows[place]!)) as Record<string, OutputPrediction>
      const among = together[place] as Record<string, OutputPrediction>
      expect(alone['queue']!.value).toBe(among['queue']!.value)
      expect(alone['queue']!.probability).toBeCloseTo(among['queue']!.probability!, 5)
      expect(alone['minutes']!.value).toBeCloseTo(among['minutes']!.value as number, 3)
    }
    expect(await model.predict([])).toEqual([])
  })

  it('puts the error of a bad row in its place and answers the others', async () => {
    const found = await model.predict([
      row,
      { ...row, age: 'old' },
      'no row' as unknown as Row,
      {},
      { plan: null, extra: 1 },
    ])
    expect(found[0]).toHaveProperty('queue.value', 'delivery')
    expect(found[1]).toEqual({ error: { row: 1, message: 'input "age": expected a number, found "old"' } })
    expect(found[2]).toMatchObject({ error: { row: 2, message: expect.stringMatching(/expected an object/) } })
    expect(found[3]).toMatchObject({
      error: { row: 3, message: expect.stringMatching(/none of the inputs "message", "plan", "age"/) },
    })
    expect(found[4]).toHaveProperty('queue.probabilities')
  })

  it('evaluates a table with intervals and confusion; a class it has never seen is a wrong answer', async () => {
    const rows = tickets(60)
    const report = await model.evaluate(tableFromRows(rows))
    expect(report.rows).toBe(60)
    expect(report.metrics['queue']!.accuracy).toBe(1)
    expect(report.metrics['minutes']!.r2).toBeGreaterThan(0.5)
    expect(report.confusion['queue']).toEqual({
      labels: ['account', 'billing', 'delivery'],
      counts: [
        [20, 0, 0],
        [0, 20, 0],
        [0, 0, 20],
      ],
    })
    const strange = rows.map((each, at) => (at < 15 ? { ...each, queue: 'never seen' } : each))
    expect((await model.evaluate(tableFromRows(strange))).metrics['queue']!.accuracy).toBeCloseTo(0.75, 9)
    await expect(model.evaluate(tableFromRows([{ message: 'a' }]))).rejects.toMatchObject({ code: 'missing-column' })
    const unlabelled = rows.map((each) => ({ ...each, queue: null, minutes: null }))
    await expect(model.evaluate(tableFromRows(unlabelled))).rejects.toMatchObject({ code: 'empty-column' })
  })

  it('scores rows one by one for paired comparisons', async () => {
    const rows = tickets(12).map((each, at) =>
      at === 3 ? { ...each, queue: null } : at === 5 ? { ...each, age: 'old' } : each,
    )
    const { outputs } = await model.scoreRows(rows)
    const { queue, minutes } = outputs
    expect(queue!.rows).toEqual([0, 1, 2, 4, 6, 7, 8, 9, 10, 11])
    expect(queue!.labels).toEqual(queue!.values)
    expect(queue!.classes).toEqual(['account', 'billing', 'delivery'])
    expect(queue!.probabilities).toHaveLength(10)
    expect(queue).toMatchObject({ primary: 'accuracy', higherIsBetter: true })
    expect(minutes).toMatchObject({ primary: 'rmse', higherIsBetter: false })
    expect(minutes!.rows).toHaveLength(11)
  })

  it('keeps lineage, signature and a card', () => {
    expect(model.lineage).toEqual({ data: 'tickets' })
    expect(model.signature.inputs.map(({ name }) => name)).toEqual(['message.ids', 'message.weights', 'plan', 'age'])
    expect(model.signature.outputs.find(({ name }) => name === 'queue.probabilities')).toMatchObject({
      dtype: 'float32',
      dims: ['batch', 3],
      classes: ['account', 'billing', 'delivery'],
    })
    for (const part of [
      '# Model',
      '## Data',
      '## How it was chosen',
      '## Figures',
      'Calibration of `queue`',
      '## Limits',
      '| billing |',
    ]) {
      expect(model.card).toContain(part)
    }
  })
})

describe('loadModel', () => {
  it('finds a model again that a killed replacement left aside', async () => {
    const place = mkdtempSync(join(folder, 'killed-'))
    cpSync(out, join(place, '.model.0a1b2c.tmp.old'), { recursive: true })
    const found = await loadModel(join(place, 'model'), { worker: false })
    expect(found.id).toBe(model.id)
    await found.close()
  })
})

describe('loadModel refuses', () => {
  function damaged(change: (folder: string) => void): string {
    const copy = mkdtempSync(join(folder, 'copy-'))
    cpSync(out, copy, { recursive: true })
    change(copy)
    return copy
  }

  it('what is no model', async () => {
    await expect(loadModel(join(folder, 'nowhere'))).rejects.toMatchObject({ code: 'model-not-found' })
  })

  it.each([{ spec: {} }, { spec: null }, { encoders: null }, { outputs: {} }, { files: null }, { signature: 5 }])(
    'a model.json without its parts: %j',
    async (changes) => {
      const copy = damaged((path) => {
        const file = join(path, 'model.json')
        writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...changes }))
      })
      await expect(loadModel(copy, { worker: false })).rejects.toMatchObject({ code: 'bad-model' })
    },
  )

  it('a model of another version, by name', async () => {
    const copy = damaged((path) => {
      const file = join(path, 'model.json')
      writeFileSync(file, readFileSync(file, 'utf8').replace('"version": 1', '"version": 2'))
    })
    const message = expect.stringMatching(/is of format version 2; this program reads version 1/)
    await expect(loadModel(copy)).rejects.toMatchObject({ code: 'model-version', message })
  })

  it.each(['model.onnx', 'model.json'])('a damaged %s', async (name) => {
    const copy = damaged((path) => writeFileSync(join(path, name), readFileSync(join(path, name)).subarray(0, 1000)))
    await expect(loadModel(copy)).rejects.toMatchObject({ code: 'bad-model' })
  })
})
