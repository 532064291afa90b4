import type { Dim } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { DType } from '../tensor.js'

export type Direction = 'forward' | 'reverse' | 'bidirectional'

export const directionCount = (direction: Direction): 1 | 2 => (direction === 'bidirectional' ? 2 : 1)

/** Something of every step, [T, D, B, width]. */
interface Sequence {
  /** One name: all directions together, in the order they are walked; several: one a direction, in the order of time. */
  names: readonly string[]
  width: Dim
  dtype?: DType
  apart?: boolean
}

interface Loop {
  direction: Direction
  /** Walk against the direction, as the backward pass does. */
  backwards?: boolean
  batch: Dim
  /** Carried from step to step: [D, B, width]. */
  states: readonly { name: string; width: Dim }[]
  sequences: readonly Sequence[]
  outputs: readonly { width: Dim; apart?: boolean }[]
  /** One step of all directions at once, every value [D, B, width]. */
  step(states: readonly string[], slices: readonly string[]): { states: readonly string[]; outputs: readonly string[] }
}

/**
 * A loop over time in ONNX's Scan. Both directions of a bidirectional layer make their steps together, stacked in the first
 * axis: half as many steps, and products that share the threads. Returns the last states, and of each output its names: one,
 * [T, D, B, width] in the order walked, or, `apart`, one a direction, [T, 1, B, width] in the order of time.
 */
export function loopOverTime(emit: Emitter, loop: Loop): { states: string[]; outputs: string[][] } {
  const { direction, backwards = false, batch, states, sequences, outputs, step } = loop
  const D = directionCount(direction)
  const against = Array.from({ length: D }, (_, d) => +((direction === 'reverse' || d === 1) !== backwards))
  const together = (apart?: boolean) => (apart ? against : [+backwards])
  const port = (first: Dim, width: Dim, dtype: DType = 'float32') => ({ dtype, shape: [first, batch, width] })
  const pieces = (apart?: boolean) => (apart ? D : 1)
  const stepPorts = (items: readonly { width: Dim; apart?: boolean; dtype?: DType }[]) =>
    items.flatMap(({ width, apart, dtype }) =>
      Array.from({ length: pieces(apart) }, () => port(apart ? 1 : D, width, dtype)),
    )
  const statePorts = states.map(({ width }) => port(D, width))
  const body = emit.body(
    [...statePorts, ...stepPorts(sequences)],
    [...statePorts, ...stepPorts(outputs)],
    (...names) => {
      const before = names.splice(0, states.length)
      const slices = sequences.map(({ apart }) => stack(emit, names.splice(0, pieces(apart))))
      const made = step(before, slices)
      return [...made.states, ...made.outputs.flatMap((name, i) => unstack(emit, name, pieces(outputs[i]!.apart)))]
    },
  )
  const inputs = [...states.map(({ name }) => name), ...sequences.flatMap(({ names }) => names)]
  const count = states.length + outputs.reduce((sum, { apart }) => sum + pieces(apart), 0)
  const results = [
    ...emit.ops('Scan', inputs, count, {
      body,
      num_scan_inputs: inputs.length - states.length,
      scan_input_directions: sequences.flatMap(({ apart }) => together(apart)),
      scan_output_directions: outputs.flatMap(({ apart }) => together(apart)),
    }),
  ]
  return {
    states: results.splice(0, states.length),
    outputs: outputs.map(({ apart }) => results.splice(0, pieces(apart))),
  }
}

const stack = (emit: Emitter, names: readonly string[]): string =>
  names.length === 1 ? names[0]! : emit.op('Concat', names, { axis: 0 })

const unstack = (emit: Emitter, name: string, pieces: number): readonly string[] =>
  pieces === 1 ? [name] : emit.ops('Split', [name], pieces, { axis: 0, num_outputs: pieces })
