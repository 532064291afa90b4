import { add, div, mul, sqrt, square } from '@volant/graph'
import { NnError } from '../errors.js'
import { matchesAny, matchesPath } from '../modules/paths.js'
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
 * Numbers by pattern of parameter paths (`{ 'encoder.**': 0.1, '**.bias': 2 }`); the first pattern that matches counts. Each must
 * match some parameter.
 */
export type PerPattern = Readonly<Record<string, number>>

function numberFor(path: string, numbers: PerPattern): number | undefined {
  const pattern = Object.keys(numbers).find((one) => matchesPath(one, path))
  return pattern === undefined ? undefined : numbers[pattern]
}

function requireNotNegative(numbers: PerPattern, what: string): void {
  for (const [pattern, value] of Object.entries(numbers))
    if (!(value >= 0 && Number.isFinite(value)))
      throw new NnError('bad-rate', `The ${what} of "${pattern}" is ${value}, expected a number of at least 0`, {
        pattern,
        value,
      })
}

/** Multiplies the steps, weight decay included, of parameters by a factor (discriminative fine-tuning, Howard and Ruder 2018). */
export function scaleByPattern(factors: PerPattern): Transform {
  requireNotNegative(factors, 'learning rate')
  return {
    name: 'rates',
    slots: [],
    patterns: Object.keys(factors),
    settings: { factors: Object.entries(factors) },
    apply(terms, { path }) {
      const factor = numberFor(path, factors) ?? 1
      return factor === 1 ? terms : terms.map(({ scale, tensor }) => ({ tensor, scale: mul(scale, factor) }))
    },
  }
}

/**
 * Factors of the learning rate that fall by `decay` from each layer to the one below it, for `scaleByPattern` (Clark et al. 2020):
 * `layerwiseRates('encoder.layers', 6, 0.8, ['embeddings.**'])`. The top layer has `decay`, what is above it 1; `below` names what
 * comes before the first layer.
 */
export function layerwiseRates(
  layers: string,
  count: number,
  decay: number,
  below: readonly string[] = [],
): PerPattern {
  const rates = Array.from({ length: count }, (_, i) => [`${layers}.${i}.**`, decay ** (count - i)] as const)
  return Object.fromEntries([...rates, ...below.map((pattern) => [pattern, decay ** (count + 1)] as const)])
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

/**
 * Adds rate * parameter, except where the path matches a pattern; rates by pattern leave out what no pattern matches. After Adam:
 * decoupled weight decay (Loshchilov and Hutter 2019).
 */
export function decayWeights(rate: number | PerPattern, except: readonly string[] = BIASES_AND_NORMS): Transform {
  const rates = typeof rate === 'number' ? { '**': rate } : rate
  requireNotNegative(rates, 'weight decay')
  return {
    name: 'decay',
    slots: [],
    patterns: [...Object.keys(rates), ...(except === BIASES_AND_NORMS ? [] : except)],
    settings: { rate: typeof rate === 'number' ? rate : Object.entries(rate), except },
    apply(terms, context) {
      const own = matchesAny(except, context.path) ? 0 : (numberFor(context.path, rates) ?? 0)
      return own === 0 ? terms : [...terms, { scale: context.unlessSpoiled(own, 0), tensor: context.parameter }]
    },
  }
}

export const BIASES_AND_NORMS: readonly string[] = ['**.bias', '**.gamma', '**.beta']

function single(terms: readonly Term[], context: UpdateContext): Term {
  return terms.length === 1 ? terms[0]! : { scale: context.unlessSpoiled(1, 0), tensor: total(terms) }
}
