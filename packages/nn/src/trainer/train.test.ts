import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { crossEntropy, tensorOf, writeSafetensors } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { meanSquaredError } from '../losses/regression.js'
import { EmbeddingBag } from '../modules/embedding.js'
import { Linear, MLP } from '../modules/linear.js'
import { initialise } from '../modules/tree.js'
import { adam, adamW, sgd } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import { Random } from '../random.js'
import type { Batch, TrainEvent, TrainResult, TrainSettings } from './settings.js'
import { meanLoss, train } from './train.js'

const corners = [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
]
const xor = {
  rows: 4,
  batch: (rows: Int32Array) => ({
    x: tensorOf(
      'float32',
      [rows.length, 2],
      [...rows].flatMap((row) => corners[row]!),
    ),
    y: tensorOf(
      'int64',
      [rows.length],
      [...rows].map((row) => corners[row]![0]! ^ corners[row]![1]!),
    ),
  }),
}

function xorSettings(): TrainSettings {
  const model = new MLP([2, 8, 2], { activation: 'tanh' })
  return {
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 2] }, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { x, y }) => crossEntropy(model.apply(context, x!), y!),
    data: xor,
    batchSize: 4,
    epochs: 200,
    optimiser: adam(),
    schedule: constant(0.05),
    seed: 1,
    threads: 1,
  }
}

describe('train', () => {
  it('learns XOR to a loss below 0.01', async () => {
    const { history, steps, parameters } = await train(xorSettings())
    expect(history.at(-1)!.loss).toBeLessThan(0.01)
    expect(steps).toBe(200)
    expect([...parameters.keys()]).toEqual(['layers.0.weight', 'layers.0.bias', 'layers.1.weight', 'layers.1.bias'])
  })

  it('finds the line through points, the optimum of least squares', async () => {
    const line = new Linear(1, 1)
    const xs = [-1, 0, 1, 2]
    const { parameters } = await train({
      model: line,
      inputs: { x: { dtype: 'float32', shape: ['B', 1] }, y: { dtype: 'float32', shape: ['B', 1] } },
      loss: (context, { x, y }) => meanSquaredError(line.apply(context, x!), y!),
      data: {
        rows: 4,
        batch: (rows) => ({
          x: tensorOf(
            'float32',
            [rows.length, 1],
            [...rows].map((row) => xs[row]!),
          ),
          y: tensorOf(
            'float32',
            [rows.length, 1],
            [...rows].map((row) => 3 * xs[row]! - 1),
          ),
        }),
      },
      batchSize: 4,
      epochs: 300,
      optimiser: sgd(),
      schedule: constant(0.2),
      seed: 1,
      threads: 1,
    })
    expect(parameters.get('weight')!.data[0]).toBeCloseTo(3, 4)
    expect(parameters.get('bias')!.data[0]).toBeCloseTo(-1, 4)
  })

  it('tells its course, keeps the best weights and stops early', async () => {
    const events: TrainEvent[] = []
    const scores = [5, 3, 4, 3.5, 3.2, 1]
    const weights: number[] = []
    const result = await train({
      ...xorSettings(),
      validate: async (predict) => {
        const { score } = await meanLoss(xor)(predict)
        weights.push(score)
        return { score: scores[weights.length - 1]!, real: score }
      },
      earlyStopping: { patience: 3 },
      onEvent: (event) => events.push(event),
    })
    expect(result.stoppedEarly).toBe(true)
    expect(result.bestEpoch).toBe(2)
    expect(result.history.map(({ validation }) => validation!.score)).toEqual([5, 3, 4, 3.5, 3.2])
    expect(events[0]).toEqual({ type: 'start', step: 0, totalSteps: 200, parameters: 42 })
    const steps = events.filter((event) => event.type === 'step')
    expect(steps.length).toBe(5)
    expect(steps[4]).toMatchObject({ step: 5, totalSteps: 200, epoch: 5, learningRate: 0.05 })
    expect(steps[4]!.secondsLeft).toBeGreaterThan(0)
    // The result holds the weights of epoch 2: their loss is what validation saw then.
    const again = await train({ ...xorSettings(), initial: result.parameters, schedule: constant(0), epochs: 1 })
    expect(again.history[0]!.loss).toBeCloseTo(weights[1]!, 5)
  })
})

/** Two tables of which one is fed by row, an average over words and a linear head. */
function bagSettings(byRow: boolean): TrainSettings {
  const model = { bag: new EmbeddingBag(50, 4, { byRow }), head: new Linear(4, 2) }
  return {
    model,
    inputs: {
      ids: { dtype: 'int64', shape: ['B', 3] },
      weights: { dtype: 'float32', shape: ['B', 3] },
      y: { dtype: 'int64', shape: ['B'] },
    },
    loss: (context, { ids, weights, y }) =>
      crossEntropy(model.head.apply(context, model.bag.apply(context, ids!, weights!)), y!),
    data: {
      rows: 24,
      batch: (rows) => ({
        ids: tensorOf(
          'int64',
          [rows.length, 3],
          [...rows].flatMap((row) => [row, row + 1, (row * 7) % 26]),
        ),
        weights: tensorOf(
          'float32',
          [rows.length, 3],
          [...rows].flatMap(() => [1, 0.5, -1]),
        ),
        y: tensorOf(
          'int64',
          [rows.length],
          [...rows].map((row) => row % 2),
        ),
      }),
    },
    batchSize: 4,
    epochs: 3,
    optimiser: sgd(),
    schedule: constant(0.5),
    clip: 0.1,
    seed: 3,
    threads: 1,
  }
}

const numbers = (result: TrainResult, path: string) => [...(result.parameters.get(path)!.data as Float32Array)]

function expectClose(found: number[], expected: number[], digits = 6) {
  for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, digits)
}

describe('tables fed by row', () => {
  it('train as whole tables do, row gradients summed and in the norm', async () => {
    const [byRow, whole] = [await train(bagSettings(true)), await train(bagSettings(false))]
    expectClose(numbers(byRow, 'bag.table'), numbers(whole, 'bag.table'))
    expectClose(numbers(byRow, 'head.weight'), numbers(whole, 'head.weight'))
    expect(byRow.history.at(-1)!.loss).toBeLessThan(byRow.history[0]!.loss)
  })

  it('are touched in the rows of the batch only, also by Adam', async () => {
    const settings = { ...bagSettings(true), optimiser: adamW({ weightDecay: 0.1 }), maxSteps: 1 }
    const before = initialise(settings.model, 3).get('bag.table')!.data
    const after = numbers(await train(settings), 'bag.table')
    const changed = new Set(after.flatMap((value, i) => (value === before[i] ? [] : [Math.floor(i / 4)])))
    expect(changed.size).toBeGreaterThan(4)
    expect(changed.size).toBeLessThanOrEqual(12)
  })
})

describe('accumulation', () => {
  it.each([true, false])('of 3 batches of 4 equals batches of 12 (by row: %s)', async (byRow) => {
    const optimiser = adam()
    const few = await train({ ...bagSettings(byRow), optimiser, accumulate: 3 })
    const one = await train({ ...bagSettings(byRow), optimiser, batchSize: 12 })
    expect(few.steps).toBe(one.steps)
    expectClose(numbers(few, 'bag.table'), numbers(one, 'bag.table'), 4)
    expectClose(numbers(few, 'head.weight'), numbers(one, 'head.weight'), 4)
  })
})

describe('a run', () => {
  it('gives the same bytes for the same seed, others for another', async () => {
    const [a, b, c] = [1, 1, 2].map((seed) => ({ ...xorSettings(), epochs: 5, seed }))
    const first = await train(a!)
    expect(await train(b!)).toEqual({ ...first, seconds: expect.any(Number) })
    expect((await train(c!)).parameters).not.toEqual(first.parameters)
  })

  it('leaves frozen parameters as they are', async () => {
    const settings = { ...xorSettings(), freeze: ['layers.0.**'], epochs: 3 }
    const { parameters } = await train(settings)
    const before = initialise(settings.model, settings.seed)
    expect(parameters.get('layers.0.weight')).toEqual(before.get('layers.0.weight'))
    expect(parameters.get('layers.1.weight')).not.toEqual(before.get('layers.1.weight'))
    await expect(train({ ...xorSettings(), freeze: ['**'] })).rejects.toMatchObject({ code: 'nothing-to-train' })
  })

  it('gives each batch random numbers that depend on seed and update only', async () => {
    const drawn: number[] = []
    const batch = (rows: Int32Array, random: Random) => {
      drawn.push(random.uint32())
      return xor.batch(rows)
    }
    await train({ ...xorSettings(), data: { ...xor, batch }, batchSize: 2, epochs: 2, seed: 7 })
    const expected = [0, 1, 2, 3].map((update) => new Random(7, `batch/${update}`).uint32())
    expect(drawn).toEqual(expected)
    expect(new Set(drawn).size).toBe(4)
  })

  it('stops at the step of the first NaN and names the parameter', async () => {
    const settings = bagSettings(false)
    const saved: TrainEvent[] = []
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'volant-train-')), 'run.checkpoint')
    let made = 0
    const poisoned = (rows: Int32Array, random: Random) => {
      const batch = settings.data.batch(rows, random) as Batch
      if (++made === 3) batch['weights']!.data[0] = Number.NaN
      return batch
    }
    const training = train({
      ...settings,
      data: { ...settings.data, batch: poisoned },
      checkpoint: { file, every: 1 },
      onEvent: (event) => saved.push(event),
    })
    await expect(training).rejects.toMatchObject({ code: 'not-finite', details: { step: 3, parameter: 'bag.table' } })
    expect(saved.filter(({ type }) => type === 'step').length).toBe(2)
    await expect(training).rejects.toThrow(`checkpoint "${file}" keeps step 2`)
    // The checkpoint is that of the last good step, from which a run without the poison goes on as if nothing had been.
    const healed = await train({ ...settings, checkpoint: { file, every: 1 } })
    expect(healed.parameters).toEqual((await train(settings)).parameters)
    await rm(path.dirname(file), { recursive: true })
  })

  it('names the step when accumulated gradients overflow', async () => {
    const settings = {
      ...bagSettings(true),
      accumulate: 2,
      schedule: constant(1e30),
      clip: undefined,
      optimiser: sgd(),
    }
    await expect(train(settings)).rejects.toMatchObject({ code: 'not-finite' })
  })

  it('can be stopped in a validation, which is made again', async () => {
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'volant-train-')), 'run.checkpoint')
    const checkpoint = { file, every: 1000 }
    const stop = new AbortController()
    const epochs: number[] = []
    const settings = { ...bagSettings(true), validate: meanLoss(bagSettings(true).data) }
    const validate: TrainSettings['validate'] = async (predict, epoch) => {
      epochs.push(epoch)
      if (epochs.length === 2) stop.abort()
      return settings.validate(predict)
    }
    const stopped = train({ ...settings, validate, checkpoint, signal: stop.signal })
    await expect(stopped).rejects.toThrow('abort')
    const resumed = await train({ ...settings, validate, checkpoint })
    const unbroken = await train(settings)
    expect(epochs.slice(0, 4)).toEqual([1, 2, 2, 3])
    expect(resumed).toEqual({ ...unbroken, seconds: expect.any(Number) })
    await rm(path.dirname(file), { recursive: true })
  })

  it('can be stopped and goes on where it was', async () => {
    const file = path.join(await mkdtemp(path.join(tmpdir(), 'volant-train-')), 'run.checkpoint')
    const checkpoint = { file, every: 100 }
    const stop = new AbortController()
    const onEvent = (event: TrainEvent) => {
      if (event.type === 'step' && event.step === 5) stop.abort()
    }
    await expect(train({ ...bagSettings(true), checkpoint, signal: stop.signal, onEvent })).rejects.toThrow('abort')
    const started: TrainEvent[] = []
    const resumed = await train({ ...bagSettings(true), checkpoint, onEvent: (event) => started.push(event) })
    expect(started[0]).toMatchObject({ type: 'start', step: 5 })
    expect(resumed).toEqual({ ...(await train(bagSettings(true))), seconds: expect.any(Number) })
    // Finished: asked again, it gives the result at once; other settings are refused.
    const again = await train({ ...bagSettings(true), checkpoint })
    expect(again.parameters).toEqual(resumed.parameters)
    await expect(train({ ...bagSettings(true), checkpoint, clip: 0.2 })).rejects.toMatchObject({ code: 'other-run' })
    await expect(train({ ...xorSettings(), checkpoint })).rejects.toThrow(
      `Checkpoint "${file}" belongs to another model or optimiser: it lacks "layers.0.weight"`,
    )
    const whole = await readFile(file)
    const spoilt: [Uint8Array, string][] = [
      [whole.subarray(0, whole.length - 1), 'cut short'],
      [whole.subarray(0, 100), ''],
      [whole.subarray(0, 3), ''],
      [new Uint8Array(0), ''],
      [Buffer.from('spoiled'), ''],
      [
        Buffer.from(whole.toString('latin1').replace('volant-checkpoint-1', 'volant-checkpoint-0'), 'latin1'),
        'another version',
      ],
      [writeSafetensors(new Map([['w', tensorOf('float32', [1], [1])]])), 'no checkpoint of a training'],
    ]
    for (const [bytes, why] of spoilt) {
      await writeFile(file, bytes)
      const refused = train({ ...bagSettings(true), checkpoint })
      await expect(refused).rejects.toMatchObject({ code: 'bad-checkpoint', message: expect.stringContaining(why) })
      await expect(refused).rejects.toThrow(file)
    }
    await rm(path.dirname(file), { recursive: true })
  })

  it.each([
    [{ batchSize: 0 }, 'batchSize is 0, expected an integer of at least 1'],
    [{ epochs: 1.5 }, 'epochs is 1.5'],
    [{ seed: 0.5 }, 'seed is 0.5'],
    [{ clip: -1 }, 'clip is -1'],
    [{ data: { ...xor, rows: 0 } }, 'data.rows is 0'],
    [{ earlyStopping: { patience: 2 } }, 'earlyStopping needs `validate`'],
    [
      { initial: new Map([['layers.0.bias', tensorOf('float32', [3], [1, 2, 3])]]) },
      'initial "layers.0.bias" is float32 [3], expected float32 [8]',
    ],
  ])('refuses %o', async (wrong, message) => {
    await expect(train({ ...xorSettings(), ...wrong })).rejects.toThrow(message)
  })

  it('passes on an error of the batch maker and refuses a batch that does not fit', async () => {
    const broken = () => Promise.reject(new Error('no such row'))
    await expect(train({ ...xorSettings(), data: { rows: 4, batch: broken } })).rejects.toThrow('no such row')
    const narrow = (rows: Int32Array) => ({
      ...xor.batch(rows),
      x: tensorOf(
        'float32',
        [rows.length, 1],
        [...rows].map(() => 1),
      ),
    })
    await expect(train({ ...xorSettings(), data: { rows: 4, batch: narrow } })).rejects.toThrow(
      'Input "x": expected float32 [B, 2], found float32 [4, 1]',
    )
  })
})
