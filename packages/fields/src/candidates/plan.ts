import type { Spec } from '../spec/schema.js'
import type { Dataset } from '../train/dataset.js'
import type { TrainPhase } from '../train/events.js'
import type { FittedOutput } from '../train/outputs.js'
import type { Candidate } from './candidate.js'
import { linear } from './linear.js'

export interface Plan {
  /** In the order they are trained; the first is the most trusted. */
  readonly candidates: readonly Candidate[]
  /** Counted work by phase, in nominal seconds. */
  readonly work: Partial<Record<TrainPhase, number>>
  /** Why some were not tried. */
  readonly notes: readonly string[]
}

/** What to train for a spec. */
export function planCandidates(_spec: Spec, _outputs: readonly FittedOutput[], _train: Dataset): Plan {
  return { candidates: [linear], work: { baselines: 3, refit: 3, evaluate: 1 }, notes: [] }
}
