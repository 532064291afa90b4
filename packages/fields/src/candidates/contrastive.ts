import type { Tensor } from '@volant/graph'
import {
  adamW,
  type Batch,
  contrastiveLoss,
  cosine,
  type Inputs,
  type InputType,
  Random,
  type TrainingData,
  train,
  warmUp,
} from '@volant/nn'
import { resumable } from '../train/checkpoints.js'
import { targetsOf } from '../train/outputs.js'
import { declared, encodedData, streamsAmong } from './batches.js'
import type { Task } from './candidate.js'
import type { TextVectors } from './vectors.js'

const recipe = {
  epochs: 10,
  leastSteps: 60,
  batchSize: 64,
  learningRate: 0.00005,
  temperature: 0.05,
  weightDecay: 0.01,
}

/** Passes over the rows; fewer rows are seen more often. */
export const contrastiveEpochs = ({ spec }: Pick<Task, 'spec'>, rows: number): number =>
  spec.train.epochs ?? Math.max(recipe.epochs, Math.ceil(recipe.leastSteps / Math.ceil(rows / recipe.batchSize)))

/** The two texts of a pair. */
const sides = ['anchor', 'positive'] as const
const sideName = (side: string, name: string) => `${side}:${name}`
const groupsName = 'groups'

/**
 * Tunes a text encoder so that texts of one class get near vectors: pairs of a row and another of its class, the others of the
 * batch being negatives unless they are of the class too. Pairs are drawn when their batch is made, so memory is linear in rows.
 * The class is that of the first output, which must have classes. @returns the weights by path
 */
export async function tuneByPairs(vectors: TextVectors, task: Task): Promise<ReadonlyMap<string, Tensor>> {
  const initial = await vectors.pretrained(task)
  const data = pairs(vectors, task)
  if (!data) return initial
  const batchSize = Math.min(recipe.batchSize, data.rows)
  const steps = Math.ceil(data.rows / batchSize)
  const rate = warmUp(0.1, cosine(recipe.learningRate))
  const { parameters } = await resumable(vectors.name, task, (checkpoint) =>
    train({
      checkpoint,
      parallel: task.parallel,
      model: vectors.model,
      inputs: pairInputs(vectors),
      loss(context, inputs) {
        const [anchors, positives] = sides.map((side) =>
          vectors.of(context, streamsAmong(ofSide(inputs, side), vectors.inputs)),
        )
        return contrastiveLoss(anchors!, positives!, {
          temperature: recipe.temperature,
          groups: inputs[groupsName]!,
        })
      },
      data,
      batchSize,
      epochs: 1,
      optimiser: adamW({ weightDecay: recipe.weightDecay }),
      initial,
      schedule: (step) => rate(step, steps),
      clip: 1,
      seed: task.spec.train.seed,
      threads: task.threads,
      signal: task.signal,
      onEvent: (event) => {
        if (event.type === 'step') task.onProgress({ fraction: event.step / event.totalSteps })
      },
    }),
  )
  return parameters
}

function pairInputs(vectors: TextVectors): Record<string, InputType> {
  const streams = Object.entries(declared(vectors.inputs, []))
  const named = sides.flatMap((side) =>
    streams.map(([name, { dtype, shape }]): [string, InputType] => [
      sideName(side, name),
      { dtype, shape: shape.map((dim) => (typeof dim === 'string' && dim !== 'batch' ? `${dim}${side}` : dim)) },
    ]),
  )
  return { ...Object.fromEntries(named), [groupsName]: { dtype: 'int64', shape: ['batch'] } }
}

/** The inputs of one side under the names of the streams. */
function ofSide(inputs: Inputs, side: string): Inputs {
  const start = sideName(side, '')
  return Object.fromEntries(
    Object.entries(inputs).flatMap(([name, value]) =>
      name.startsWith(start) ? [[name.slice(start.length), value]] : [],
    ),
  )
}

/**
 * Each row of a class that has several, as often as there are passes, each time with another row of the class by chance. A pair
 * is drawn when it is asked for, from its number and the seed. Undefined where no class has two rows.
 */
function pairs(vectors: TextVectors, task: Task): TrainingData | undefined {
  const { train, outputs, spec } = task
  const classes = targetsOf(outputs[0]!, train)
  const members = new Map<number, number[]>()
  classes.forEach((one, row) => {
    if (one < 0) return
    const known = members.get(one)
    if (known) known.push(row)
    else members.set(one, [row])
  })
  const anchors = Int32Array.from([...members.values()].filter(({ length }) => length > 1).flat())
  if (anchors.length === 0) return undefined
  const encoded = encodedData(vectors.inputs, [], train)
  const anchorOf = (pair: number) => anchors[pair % anchors.length]!
  const positiveOf = (pair: number) => {
    const row = anchorOf(pair)
    return another(members.get(classes[row]!)!, row, new Random(spec.train.seed, `pair/${pair}`))
  }
  return {
    rows: anchors.length * contrastiveEpochs(task, anchors.length),
    length: (pair) => Math.max(encoded.length!(anchorOf(pair)), encoded.length!(positiveOf(pair))),
    batch(some) {
      const groups = BigInt64Array.from(some, (pair) => BigInt(classes[anchorOf(pair)]!))
      const batch: Batch = { [groupsName]: { dtype: 'int64', dims: [some.length], data: groups } }
      for (const [side, rowOf] of Object.entries({ anchor: anchorOf, positive: positiveOf }))
        for (const [name, tensor] of Object.entries(encoded.batch(some.map(rowOf))))
          batch[sideName(side, name)] = tensor
      return batch
    },
  }
}

function another(members: readonly number[], row: number, random: Random): number {
  const place = random.integer(members.length - 1)
  return members[place]! === row ? members.at(-1)! : members[place]!
}
