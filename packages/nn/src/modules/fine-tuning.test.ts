import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { crossEntropy, tensorOf } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { adam } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import { readCheckpoint } from '../trainer/checkpoint.js'
import type { TrainSettings } from '../trainer/settings.js'
import { train } from '../trainer/train.js'
import { freezeAllBut, growClasses } from './fine-tuning.js'
import { Linear } from './linear.js'
import { initialise } from './tree.js'

const classifier = (classes: number) => ({ body: new Linear(3, 4), head: new Linear(4, classes) })

function settings(classes: number): TrainSettings {
  const model = classifier(classes)
  return {
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 3] }, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { x, y }) => crossEntropy(model.head.apply(context, model.body.apply(context, x!)), y!),
    data: {
      rows: 6,
      batch: (rows) => ({
        x: tensorOf(
          'float32',
          [rows.length, 3],
          [...rows].flatMap((row) => [row, row % 2, 1]),
        ),
        y: tensorOf(
          'int64',
          [rows.length],
          [...rows].map((row) => row % 2),
        ),
      }),
    },
    batchSize: 6,
    epochs: 4,
    optimiser: adam(),
    schedule: constant(0.01),
    seed: 3,
    threads: 1,
  }
}

describe('growing a head', () => {
  it('keeps the columns of classes that stay and initialises new ones', () => {
    const old = initialise(classifier(2), 1)
    old.set('head.bias', tensorOf('float32', [2], [7, 8]))
    const model = classifier(3)
    const grown = growClasses(old, model, { head: 'head', former: ['a', 'b'], classes: ['b', 'new', 'a'], seed: 9 })
    const fresh = initialise(model, 9)
    expect(grown.get('body.weight')).toBe(old.get('body.weight'))
    expect(grown.get('head.bias')).toEqual(tensorOf('float32', [3], [8, 0, 7]))
    const [was, is, random] = [old, grown, fresh].map((weights) => weights.get('head.weight')!.data)
    for (let row = 0; row < 4; row++)
      expect([...is!].slice(3 * row, 3 * row + 3)).toEqual([was![2 * row + 1], random![3 * row + 1], was![2 * row]])
  })

  it('goes on training with the optimiser state of a checkpoint', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'volant-fine-tuning-'))
    const file = path.join(folder, 'run')
    const whole = await train({ ...settings(2), epochs: 8 })
    await train({ ...settings(2), checkpoint: { file, every: 4 } })
    const { weights, steps } = await readCheckpoint(file)
    expect(steps).toBe(4)
    const on = await train({ ...settings(2), initial: weights, initialSteps: steps })
    expect(on.parameters).toEqual(whole.parameters)
    const grown = growClasses(weights, settings(3).model, {
      head: 'head',
      former: ['a', 'b'],
      classes: ['a', 'b', 'c'],
      seed: 1,
    })
    expect(grown.get('head.weight:adam.mean')!.dims).toEqual([4, 3])
    const { history } = await train({ ...settings(3), initial: grown, initialSteps: steps })
    expect(history.at(-1)!.loss).toBeLessThan(history[0]!.loss)
    // State that does not fit the model is left out.
    const misfit = new Map(
      [...weights].map(([name, tensor]) => [
        name,
        name === 'head.bias:adam.mean' ? tensorOf('float32', [1], [5]) : tensor,
      ]),
    )
    await train({ ...settings(2), initial: misfit, initialSteps: steps })
    await rm(folder, { recursive: true })
  })

  it('refuses what does not fit', () => {
    const old = initialise(classifier(2), 1)
    const grow = (head: string, former: string[], classes: string[]) => () =>
      growClasses(old, classifier(3), { head, former, classes, seed: 1 })
    expect(grow('top', ['a', 'b'], ['a', 'b', 'c'])).toThrow('the model has no parameters at "top"')
    expect(grow('head', ['a', 'b', 'd'], ['a', 'b', 'c'])).toThrow(
      '"head.weight" is float32 [4,2] for 3 former classes',
    )
    expect(grow('head', ['a', 'b'], ['a', 'b'])).toThrow('becomes [4,3] for 2')
    expect(grow('head', ['a', 'a'], ['a', 'b', 'c'])).toThrow('named twice')
  })
})

it('freezes all but what is to be trained', async () => {
  const run = settings(2)
  const freeze = freezeAllBut(run.model, ['**.bias'])
  expect(freeze).toEqual(['body.weight', 'head.weight'])
  const { parameters } = await train({ ...run, freeze })
  const before = initialise(run.model, run.seed)
  for (const [name, tensor] of before)
    if (name.endsWith('weight')) expect(parameters.get(name)).toEqual(tensor)
    else expect(parameters.get(name)).not.toEqual(tensor)
  expect(() => freezeAllBut(run.model, ['tail.**'])).toThrow('freezeAllBut: the pattern "tail.**" matches no parameter')
})
