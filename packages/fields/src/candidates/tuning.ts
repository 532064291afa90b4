import { VolantError } from '@volant/data'
import { encoderNetwork } from '@volant/models'
import { walk } from '@volant/nn'
import { targetsOf } from '../train/outputs.js'
import type { BaseCandidate } from '../train/tuning-names.js'
import type { Task } from './candidate.js'
import { contrastiveEpochs } from './contrastive.js'
import { isPartOf } from './network.js'
import { TextVectors } from './vectors.js'
import { forwardSeconds, sampleOf } from './work.js'

/** From so many rows of a class (of all rows, for numbers) on, a way of tuning a base is worth its risk. */
const enough = { contrastive: 4, full: 50 }

type PlannedTask = Pick<Task, 'spec' | 'outputs' | 'train' | 'base'>

/**
 * How to learn from a pretrained encoder: by few rows only a linear model on its vectors, by more its vectors too, by many all of
 * it. Which way is best for how many rows: Tunstall et al. 2022, section 4, and our own figures (docs/tuning.md).
 */
export function tuningFor(task: PlannedTask): { name: BaseCandidate; why: string } {
  const { tune: asked = 'auto', learn } = task.spec.train
  if (learn)
    return {
      name: 'parts',
      why: `Of the base is learnt what train.learn names: ${namedParts(learn, task).join(', ')}.`,
    }
  if (asked === 'contrastive' && !hasPairs(task))
    throw new VolantError(
      'bad-spec',
      'train.tune: contrastive tunes by pairs of rows of a class, so it needs exactly one output, and that with classes; probe, full or lora take any.',
      { path: 'train.tune' },
    )
  if (asked !== 'auto') return { name: asked, why: `Of the base is learnt what train.tune asks for: ${asked}.` }
  const { rows, what } = rowsPerClass(task)
  const shown = `${rows >= 10 ? Math.round(rows) : rows.toFixed(1)} rows ${what}`
  if (rows >= enough.full)
    return { name: 'full', why: `All of the base is trained: ${shown} are enough for it (${enough.full}).` }
  if (rows >= enough.contrastive && hasPairs(task))
    return {
      name: 'contrastive',
      why: `The vectors of the base are tuned by pairs of rows of a class: ${shown} are too few to train all of it (${enough.full}).`,
    }
  return { name: 'probe', why: `The base is left as it is under a linear model: ${shown} are too few to tune it.` }
}

/** The patterns of `train.learn`, each of which names a parameter of the base. Throws VolantError. */
function namedParts(patterns: readonly string[], { base }: PlannedTask): readonly string[] {
  const paths = [...walk(encoderNetwork(base!.description)).parameters.values()]
  const idle = patterns.find((pattern) => !paths.some((path) => isPartOf([pattern], path)))
  if (idle === undefined) return patterns
  const some = [...new Set(paths.map((path) => path.replaceAll(/(?<=\.)\d+(?=\.)/g, '*')))].join(', ')
  throw new VolantError(
    'bad-spec',
    `train.learn: the pattern "${idle}" names nothing of the base ${base!.description.base.name}; there are ${some}. The beginning of a name stands for all that is within.`,
    { path: 'train.learn', pattern: idle },
  )
}

const hasPairs = ({ outputs }: PlannedTask) => outputs.length === 1 && outputs[0]!.state.classes !== undefined

/** Labelled rows of the mean class of the output with the fewest; numbers count as ten classes. */
function rowsPerClass({ outputs, train }: PlannedTask): { rows: number; what: string } {
  const all = outputs.map((output) => {
    const classes = output.state.classes?.length
    const labelled = targetsOf(output, train).filter((target) => (classes ? target >= 0 : !Number.isNaN(target))).length
    return { rows: labelled / (classes ?? 10), what: classes ? 'a class' : 'a tenth of the numbers' }
  })
  return all.reduce((fewest, one) => (one.rows < fewest.rows ? one : fewest))
}

/** Nominal seconds of a probe, or of tuning by pairs, which reads two texts and goes forth and back. */
export function tuningSeconds(name: string, task: PlannedTask): number {
  const vectors = new TextVectors(name, task)
  const forward = forwardSeconds(vectors.layers, vectors.inputs, sampleOf(task.train), task.train.rows)
  return name === 'probe' ? forward : forward * (1 + 2 * 6 * contrastiveEpochs(task, task.train.rows))
}
