import type { Optimiser } from './transform.js'
import {
  accumulateMomentum,
  BIASES_AND_NORMS,
  decayWeights,
  scaleByAdam,
  scaleByLearningRate,
  scaleByRms,
} from './transforms.js'

/** Stochastic gradient descent, with momentum if given; the learning rate comes from the schedule, as for all of these. */
export function sgd({ momentum = 0, nesterov = false } = {}): Optimiser {
  return [...(momentum > 0 ? [accumulateMomentum(momentum, nesterov)] : []), scaleByLearningRate()]
}

/** Steps divided by a running root mean square of the gradient (Tieleman and Hinton 2012), with momentum if given. */
export function rmsProp({ decay = 0.99, epsilon = 1e-8, momentum = 0 } = {}): Optimiser {
  return [scaleByRms(decay, epsilon), ...(momentum > 0 ? [accumulateMomentum(momentum)] : []), scaleByLearningRate()]
}

/** Adam: bias-corrected running mean over root of running mean square (Kingma and Ba 2015). */
export function adam({ beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = {}): Optimiser {
  return [scaleByAdam(beta1, beta2, epsilon), scaleByLearningRate()]
}

/** Adam with decoupled weight decay (Loshchilov and Hutter 2019); biases and norms do not decay unless `except` says otherwise. */
export function adamW({
  beta1 = 0.9,
  beta2 = 0.999,
  epsilon = 1e-8,
  weightDecay = 0.01,
  except = BIASES_AND_NORMS as readonly string[],
} = {}): Optimiser {
  return [scaleByAdam(beta1, beta2, epsilon), decayWeights(weightDecay, except), scaleByLearningRate()]
}
