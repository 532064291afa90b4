import { add, div, mul, sqrt, square } from '@volant/graph'
import { matchesAny } from '../modules/paths.js'
import { type Term, type Transform, total, type UpdateContext } from './transform.js'

/** Name of the scalar input that holds the step's learning rate. */
export const LEARNING_RATE = 'learningRate'

/** Multiplies by the schedule's learning rate; the last step of every optimiser. */
export function scaleByLearningRate(): Transform {
  return {
    name: 'learningRate',
    slots: [],
    settings: {},
    apply: (terms, context) =>
      terms.map(({ scale, tensor }) => ({ tensor, scale: mul(scale, context.scalar(LEARNING_RATE)) })),
  }
}

/**
 * Momentum (Polyak 1964): velocity' = momentum * velocity + g; gives velocity', or with `nesterov` g + momentum * velocity'
 * (Sutskever et al. 2013). The conventions are PyTorch's.
 */
export function accumulateMomentum(momentum: number, nesterov = false): Transform {
  return {
    name: 'momentum',
    slots: ['velocity'],
    settings: { momentum, nesterov },
    apply(terms, context) {
      const velocity = add(mul(context.slot('velocity'), context.unlessSpoiled(momentum, 1)), total(terms))
      context.setSlot('velocity', velocity)
      const one = context.unlessSpoiled(1, 0)
      if (!nesterov) return [{ scale: one, tensor: velocity }]
      return [...terms, { scale: context.unlessSpoiled(momentum, 0), tensor: velocity }]
    },
  }
}

/** g / (sqrt(mean of squares) + epsilon) (Tieleman and Hinton 2012), with PyTorch's place of epsilon. */
export function scaleByRms(decay: number, epsilon: number): Transform {
  return {
    name: 'rms',
    slots: ['squares'],
    settings: { decay, epsilon },
    apply(terms, context) {
      const { scale, tensor } = single(terms, context)
      const kept = mul(context.slot('squares'), context.unlessSpoiled(decay, 1))
      const squares = add(kept, mul(square(tensor), mul(square(scale), 1 - decay)))
      context.setSlot('squares', squares)
      return [{ scale, tensor: div(tensor, add(sqrt(squares), epsilon)) }]
    },
  }
}

/**
 * Adam's direction (Kingma and Ba 2015): mean' / (sqrt(variance') + epsilon), both corrected for their start at zero. With
 * c2 = sqrt(1 - beta2^t) the corrections become scalars: mean' / (sqrt(variance') + epsilon * c2), scaled by c2 / (1 - beta1^t).
 */
export function scaleByAdam(beta1: number, beta2: number, epsilon: number): Transform {
  return {
    name: 'adam',
    slots: ['mean', 'variance'],
    settings: { beta1, beta2, epsilon },
    scalars(step) {
      const root = Math.sqrt(1 - beta2 ** step)
      return { scale: root / (1 - beta1 ** step), epsilon: epsilon * root }
    },
    apply(terms, context) {
      const { scale, tensor } = single(terms, context)
      const mean = add(mul(context.slot('mean'), context.unlessSpoiled(beta1, 1)), mul(tensor, mul(scale, 1 - beta1)))
      const variance = add(
        mul(context.slot('variance'), context.unlessSpoiled(beta2, 1)),
        mul(square(tensor), mul(square(scale), 1 - beta2)),
      )
      context.setSlot('mean', mean)
      context.setSlot('variance', variance)
      const direction = div(mean, add(sqrt(variance), context.scalar('epsilon')))
      return [{ scale: mul(context.scalar('scale'), context.unlessSpoiled(1, 0)), tensor: direction }]
    },
  }
}

/** Adds rate * parameter, except where the path matches a pattern. After Adam: decoupled weight decay (Loshchilov and Hutter 2019). */
export function decayWeights(rate: number, except: readonly string[] = BIASES_AND_NORMS): Transform {
  return {
    name: 'decay',
    slots: [],
    settings: { rate, except },
    apply: (terms, context) =>
      matchesAny(except, context.path)
        ? terms
        : [...terms, { scale: context.unlessSpoiled(rate, 0), tensor: context.parameter }],
  }
}

export const BIASES_AND_NORMS = ['**.bias', '**.gamma', '**.beta']

function single(terms: readonly Term[], context: UpdateContext): Term {
  return terms.length === 1 ? terms[0]! : { scale: context.unlessSpoiled(1, 0), tensor: total(terms) }
}
