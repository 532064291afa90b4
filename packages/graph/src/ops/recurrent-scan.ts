import type { Dim } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { DType } from '../tensor.js'
import { scan } from './scan.js'

export type Direction = 'forward' | 'reverse' | 'bidirectional'

export const directionCount = (direction: Direction): 1 | 2 => (direction === 'bidirectional' ? 2 : 1)

interface Walk {
  direction: Direction
  /** Walk against the direction, as the backward pass does. */
  backwards?: boolean
  batch: Dim
  /** Of each direction the values carried from step to step, [B, width]. */
  states: readonly (readonly string[])[]
  /** Of each direction the sequences read, [T, B, width]. */
  sequences: readonly (readonly { name: string; width: Dim; dtype?: DType }[])[]
  /** Widths of the states, and of the sequences that are made. */
  widths: { states: Dim; outputs: readonly Dim[] }
  step(
    direction: number,
    states: readonly string[],
    slices: readonly string[],
  ): {
    states: readonly string[]
    outputs: readonly string[]
  }
}

/** A loop over time in which all directions make their steps together. Returns of each direction the last states and the sequences. */
export function walk(emit: Emitter, loop: Walk): { states: string[]; outputs: string[] }[] {
  const { direction, backwards = false, batch, states, sequences, widths, step } = loop
  const D = directionCount(direction)
  const directions = Array.from({ length: D }, (_, d) => d)
  const against = (d: number) => (direction === 'reverse' || d === 1) !== backwards
  const S = states[0]!.length
  const made = scan(emit, {
    states: states.flat().map((name) => ({ name, shape: [batch, widths.states] })),
    sequences: sequences.flatMap((own, d) =>
      own.map(({ name, width, dtype }) => ({ name, dtype, shape: [batch, width], against: against(d) })),
    ),
    outputs: directions.flatMap((d) => widths.outputs.map((width) => ({ shape: [batch, width], against: against(d) }))),
    step(before, slices) {
      const rest = [...slices]
      const steps = directions.map((d) =>
        step(d, before.slice(d * S, (d + 1) * S), rest.splice(0, sequences[d]!.length)),
      )
      return { states: steps.flatMap((one) => one.states), outputs: steps.flatMap((one) => one.outputs) }
    },
  })
  const count = widths.outputs.length
  return directions.map((d) => ({
    states: made.states.slice(d * S, (d + 1) * S),
    outputs: made.outputs.slice(d * count, (d + 1) * count),
  }))
}
