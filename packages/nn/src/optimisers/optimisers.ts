import type { Optimiser } from './transform.js'
import {
  accumulateMomentum,
  BIASES_AND_NORMS,
  decayWeights,
  type PerPattern,
  scaleByAdam,
  scaleByLearningRate,
  scaleByPattern,
  scaleByRms,
} from './transforms.js'

/** The end of every optimiser. `rates`: factors of the learning rate by pattern of paths. */
const steps = (rates: PerPattern | undefined): Optimiser => [
  ...(rates ? [scaleByPattern(rates)] : []),
  scaleByLearningRate(),
]

/** Of all optimisers. */
interface Shared {
  /** Factors of the learning rate by pattern of parameter paths, such as `layerwiseRates` makes. */
  readonly rates?: PerPattern
}

/** Stochastic gradient descent, with momentum if given; the learning rate comes from the schedule, as for all of these. */
export function sgd({
  momentum = 0,
  nesterov = false,
  rates,
}: Shared & { momentum?: number; nesterov?: boolean } = {}): Optimiser {
  return [...(momentum > 0 ? [accumulateMomentum(momentum, nesterov)] : []), ...steps(rates)]
}

/** Steps divided by a running root mean square of the gradient (Tieleman and Hinton 2012), with momentum if given. */
export function rmsProp({
  decay = 0.99,
  epsilon = 1e-8,
  momentum = 0,
  rates,
}: Shared & { decay?: number; epsilon?: number; momentum?: number } = {}): Optimiser {
  return [scaleByRms(decay, epsilon), ...(momentum > 0 ? [accumulateMomentum(momentum)] : []), ...steps(rates)]
}

interface Moments {
  readonly beta1?: number
  readonly beta2?: number
  readonly epsilon?: number
}

/** Adam: bias-corrected running mean over root of running mean square (Kingma and Ba 2015). */
export function adam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8, rates }: Shared & Moments = {}): Optimiser {
  return [scaleByAdam(beta1, beta2, epsilon), ...steps(rates)]
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019); biases and norms do not decay unless `except` says
 * otherwise; `weightDecay` may be given by pattern of paths. */
export function adamW({
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  weightDecay = 0.01,
  except = BIASES_AND_NORMS,
  rates,
}: Shared & Moments & { weightDecay?: number | PerPattern; except?: readonly string[] } = {}): Optimiser {
  return [scaleByAdam(beta1, beta2, epsilon), decayWeights(weightDecay, except), ...steps(rates)]
}
