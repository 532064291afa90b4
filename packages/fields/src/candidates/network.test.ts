import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tableFromRows } from '@volant/data'
import { afterAll, describe, expect, it } from 'vitest'
import { tickets } from '../fixtures.js'
import type { ModelFile } from '../folder/format.js'
import { loadModel } from '../predict/model.js'
import { parseSpec } from '../spec/parse.js'
import type { SpecInput } from '../spec/schema.js'
import type { TrainEvent } from '../train/events.js'
import { train } from '../train/train.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-network-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

let models = 0
function run(rows: number, spec: SpecInput, onEvent?: (event: TrainEvent) => void) {
  const out = join(folder, `model-${models++}`)
  return train({ data: tableFromRows(tickets(rows)), spec: parseSpec(spec), out, onEvent })
}

describe('networks', () => {
  it.each(['bag', 'cnn', 'bilstm', 'transformer'] as const)(
    '%s learns two outputs from text, a category and a number',
    async (encoder) => {
      const events: TrainEvent[] = []
      const spec: SpecInput = {
        inputs: { message: 'text', plan: 'category', age: 'number' },
        outputs: { queue: 'category', minutes: 'number' },
        train: { encoder, epochs: 8 },
      }
      const report = await run(240, spec, (event) => events.push(event))
      expect(report.chosen.map(({ candidate }) => candidate)).toEqual([encoder])
      expect(report.metrics.test!['queue']!.accuracy).toBeGreaterThan(0.9)
      const { majority } = report.baselines
      expect(report.metrics.test!['minutes']!.rmse).toBeLessThan(majority.test!['minutes']!.rmse!)
      const curve = events.filter((event) => event.kind === 'metric')
      expect(curve.length).toBeGreaterThanOrEqual(8)
      expect(curve[0]).toMatchObject({ candidate: encoder, epoch: 1, output: 'queue', metric: 'accuracy' })

      const model = await loadModel(report.model, { worker: false })
      const [billing] = await model.predict([
        { message: 'refund of my invoice', plan: 'pro', age: 30 },
        { message: '' },
      ])
      expect(billing).toHaveProperty('queue.value', 'billing')
      await model.close()
    },
  )

  it('blends with the linear model in one graph, each encoder with tensors of its own', async () => {
    const spec: SpecInput = {
      inputs: { message: 'text', plan: 'category' },
      outputs: { queue: 'category', minutes: 'number' },
      train: { candidates: ['linear', 'bag'], epochs: 3 },
    }
    const report = await run(240, spec)
    const names = report.chosen.map(({ candidate }) => candidate)
    expect(names).toEqual(['linear', 'bag'])
    for (const output of ['queue', 'minutes']) {
      expect(report.chosen.reduce((sum, { weights }) => sum + weights[output]!, 0)).toBeCloseTo(1, 9)
    }
    const { parts, signature } = JSON.parse(readFileSync(join(report.model, 'model.json'), 'utf8')) as ModelFile
    const inputs = signature.inputs.map(({ name }) => name)
    if (parts.length === 2) {
      expect(inputs).toEqual(['message.ids', 'message.weights', 'plan', 'message.bag.ids', 'message.bag.weights'])
    }
    expect(report.spec.train.candidates).toEqual(parts.map(({ candidate }) => candidate))
  })

  it('answer in the model file as they did when they were chosen', async () => {
    const valid = tableFromRows(tickets(150).slice(30))
    const spec = parseSpec({
      inputs: { plan: 'category', age: 'number' },
      outputs: { urgent: 'boolean', minutes: 'number' },
      train: { candidates: ['linear', 'table'], epochs: 2, refit: false },
    })
    const out = join(folder, 'same')
    const report = await train({
      data: tableFromRows(tickets(200)),
      valid,
      test: tableFromRows(tickets(20)),
      spec,
      out,
    })
    const model = await loadModel(out, { worker: false })
    const { metrics } = await model.evaluate(valid)
    await model.close()
    expect(metrics['urgent']!.logLoss).toBeCloseTo(report.metrics.valid!['urgent']!.logLoss!, 4)
    expect(metrics['minutes']!.rmse).toBeCloseTo(report.metrics.valid!['minutes']!.rmse!, 3)
  })

  it('are repeated to the same model by the same spec', async () => {
    const spec: SpecInput = {
      inputs: { plan: 'category', age: 'number' },
      outputs: { minutes: 'number' },
      train: { candidates: ['table'], epochs: 3 },
    }
    const [first, second] = [await run(200, spec), await run(200, spec)]
    expect(second.id).toBe(first.id)
  })

  it('refuses a candidate it does not know', async () => {
    const spec: SpecInput = {
      inputs: { message: 'text' },
      outputs: { queue: 'category' },
      train: { candidates: ['forest'] },
    }
    await expect(run(60, spec)).rejects.toMatchObject({ code: 'bad-spec', message: expect.stringMatching(/"forest"/) })
  })
})
