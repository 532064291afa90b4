import type { Dim } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { DType } from '../tensor.js'
import { scan } from './scan.js'

export type Direction = 'forward' | 'reverse' | 'bidirectional'

export const directionCount = (direction: Direction): 1 | 2 => (direction === 'bidirectional' ? 2 : 1)

/** Something of every step. */
interface Steps {
  width: Dim
  /** One value a direction, [T, 1, B, width] in the order of time; else one of all, [T, D, B, width] in the order walked. */
  apart?: boolean
}

interface Walk {
  direction: Direction
  /** Walk against the direction, as the backward pass does. */
  backwards?: boolean
  batch: Dim
  /** Carried from step to step, [D, B, width]. */
  states: readonly { name: string; width: Dim }[]
  sequences: readonly (Steps & { names: readonly string[]; dtype?: DType })[]
  outputs: readonly Steps[]
  /** One step of all directions at once, every value [D, B, width]. */
  step(states: readonly string[], slices: readonly string[]): { states: readonly string[]; outputs: readonly string[] }
}

/**
 * A loop over time. Both directions of a bidirectional layer make their steps together, stacked in the first axis: half as
 * many steps, and products that share the threads. Returns the last states, and the names of each output.
 */
export function walk(emit: Emitter, loop: Walk): { states: string[]; outputs: string[][] } {
  const { direction, backwards = false, batch, states, sequences, outputs, step } = loop
  const D = directionCount(direction)
  const ways = Array.from({ length: D }, (_, d) => (direction === 'reverse' || d === 1) !== backwards)
  const pieces = ({ apart }: Steps) => (apart ? D : 1)
  /** The tensors that hold the steps: their shapes and whether they are read from the end. */
  const parts = ({ apart, width }: Steps) =>
    apart
      ? ways.map((against) => ({ shape: [1, batch, width], against }))
      : [{ shape: [D, batch, width], against: backwards }]
  const made = scan(emit, {
    states: states.map(({ name, width }) => ({ name, shape: [D, batch, width] })),
    sequences: sequences.flatMap((steps) =>
      parts(steps).map((part, i) => ({ ...part, name: steps.names[i]!, dtype: steps.dtype })),
    ),
    outputs: outputs.flatMap(parts),
    step(before, slices) {
      const rest = [...slices]
      const stacked = sequences.map((steps) => stack(emit, rest.splice(0, pieces(steps))))
      const { states, outputs: results } = step(before, stacked)
      return { states, outputs: results.flatMap((name, i) => unstack(emit, name, pieces(outputs[i]!))) }
    },
  })
  const rest = [...made.outputs]
  return { states: made.states, outputs: outputs.map((steps) => rest.splice(0, pieces(steps))) }
}

const stack = (emit: Emitter, names: readonly string[]): string =>
  names.length === 1 ? names[0]! : emit.op('Concat', names, { axis: 0 })

const unstack = (emit: Emitter, name: string, pieces: number): readonly string[] =>
  pieces === 1 ? [name] : emit.ops('Split', [name], pieces, { axis: 0, num_outputs: pieces })
