import { VolantError } from '@volant/data'
import { inputType } from '../registry.js'
import type { Spec } from '../spec/schema.js'
import type { Dataset } from '../train/dataset.js'
import type { TrainPhase } from '../train/events.js'
import type { FittedOutput } from '../train/outputs.js'
import type { Candidate } from './candidate.js'
import { linear } from './linear.js'
import { network } from './network.js'
import { type NetworkName, networkRecipes } from './recipes.js'

export interface Plan {
  /** In the order they are trained; the first is the most trusted. */
  readonly candidates: readonly Candidate[]
  /** Counted work by phase, in nominal seconds. */
  readonly work: Partial<Record<TrainPhase, number>>
  /** Why some were not tried. */
  readonly notes: readonly string[]
}

/** What to train for a spec. */
export function planCandidates(spec: Spec, _outputs: readonly FittedOutput[], _train: Dataset): Plan {
  const names = spec.train.candidates ?? candidatesFor(spec)
  return { candidates: names.map(candidateNamed), work: { baselines: 3, refit: 3, evaluate: 1 }, notes: [] }
}

function candidatesFor(spec: Spec): string[] {
  const { encoder } = spec.train
  if (encoder === 'linear' || encoder === 'tfidf') return [linear.name]
  const hasText = Object.values(spec.inputs).some(({ type }) => inputType(type).choosesNetwork)
  if (!hasText) return encoder === 'auto' ? [linear.name, 'table'] : ['table']
  return encoder === 'auto' ? [linear.name] : [encoder]
}

function candidateNamed(name: string): Candidate {
  if (name === linear.name) return linear
  if (Object.hasOwn(networkRecipes, name)) return network(name as NetworkName)
  throw new VolantError(
    'bad-spec',
    `train.candidates: there is no candidate "${name}"; known are linear, ${Object.keys(networkRecipes).join(', ')}.`,
    { path: 'train.candidates' },
  )
}
