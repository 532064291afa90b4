import {
  abs,
  add,
  and,
  concat,
  div,
  type GraphBuilder,
  less,
  minimum,
  reduceSumSquare,
  reshape,
  sqrt,
  sumOf,
  type Value,
  where,
} from '@volant/graph'
import { AVERAGING_RATE, averagePath, moveAverage } from './averaging.js'
import { descend, type Optimiser, type Term, type Transform, type UpdateContext } from './transform.js'
import { LEARNING_RATE } from './transforms.js'

/** A parameter, or the rows of a table, with its gradient. */
export interface Trained {
  readonly path: string
  readonly value: Value
  readonly gradient: Value
  /** Keep a running mean of the value. */
  readonly averaged?: boolean
  /** Makes a graph input for the state tensor kept under the given path, of the value's shape. */
  state(path: string): Value
}

export interface UpdateOutputs {
  /** New values by state path. */
  readonly next: ReadonlyMap<string, Value>
  /** [] global norm of the gradients before clipping. */
  readonly norm: Value
  /** [number of parameters] sums of squares, in order; tells which gradient is not finite. */
  readonly squares: Value
  /** bool [], whether the step's loss and gradients are finite. */
  readonly finite: Value
}

/** The path of the state tensor that a transform keeps for a parameter. */
const slotPath = (path: string, transform: Transform, slot: string) => `${path}:${transform.name}.${slot}`

/**
 * Appends clipping by global norm (Pascanu et al. 2013), the finite guard and the optimiser to a graph that holds the
 * gradients. Every update descends from the global norm, hence from every reader of every parameter: that is what makes
 * updating in place safe. A step whose loss or gradients are not finite leaves all state exactly as it was.
 */
export function appendUpdate(
  builder: GraphBuilder,
  trained: readonly Trained[],
  optimiser: Optimiser,
  { clip, loss }: { clip?: number; loss?: Value },
): UpdateOutputs {
  const parts = trained.map(({ gradient }) => reduceSumSquare(gradient))
  const norm = sqrt(sumOf(parts))
  const finite = loss ? and(less(norm, LARGEST), less(abs(loss), LARGEST)) : less(norm, LARGEST)
  const scale = where(finite, clip ? minimum(1, div(clip, add(norm, 1e-6))) : builder.constant(1), 0)
  const scalars = new Map<string, Value>()
  const once = (key: string, make: () => Value): Value => {
    const known = scalars.get(key) ?? make()
    scalars.set(key, known)
    return known
  }
  const next = new Map<string, Value>()
  for (const { path, value, gradient, averaged, state } of trained) {
    let terms: readonly Term[] = [{ scale, tensor: where(finite, gradient, 0) }]
    for (const transform of optimiser) {
      const context: UpdateContext = {
        path,
        parameter: value,
        slot: (name) => state(slotPath(path, transform, name)),
        setSlot: (name, tensor) => next.set(slotPath(path, transform, name), tensor),
        scalar: (name) => {
          const key = scalarName(transform, name)
          return once(key, () => builder.input(key, 'float32', []))
        },
        unlessSpoiled: (a, b) => once(`${a} unless spoiled ${b}`, () => where(finite, builder.constant(a), b)),
      }
      terms = transform.apply(terms, context)
    }
    const updated = descend(value, terms)
    next.set(path, updated)
    if (!averaged) continue
    const rate = once(AVERAGING_RATE, () => where(finite, builder.input(AVERAGING_RATE, 'float32', []), 0))
    next.set(averagePath(path), moveAverage(state(averagePath(path)), updated, rate))
  }
  return {
    next,
    norm,
    finite,
    squares: concat(
      parts.map((part) => reshape(part, [1])),
      0,
    ),
  }
}

/** Squares of larger numbers overflow float32, so such gradients count as infinite. */
const LARGEST = 3e38

/** The scalar inputs of the optimiser at a step, which counts from 1. */
export function optimiserScalars(optimiser: Optimiser, step: number, learningRate: number): Record<string, number> {
  const scalars: Record<string, number> = { [LEARNING_RATE]: learningRate }
  for (const transform of optimiser)
    for (const [name, value] of Object.entries(transform.scalars?.(step) ?? {}))
      scalars[scalarName(transform, name)] = value
  return scalars
}

const scalarName = (transform: Transform, name: string) =>
  name === LEARNING_RATE ? LEARNING_RATE : `${transform.name}.${name}`
