import type { Dim, Shape } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { DType } from '../tensor.js'

interface Item {
  /** Of a state, or of one step of a sequence. */
  shape: Shape
  dtype?: DType
}

/** A loop over the first axis of its sequences. */
export interface Loop {
  /** Carried from step to step. */
  states: readonly (Item & { name: string })[]
  /** Read one slice a step, the last first where `against`. */
  sequences: readonly (Item & { name: string; against?: boolean })[]
  /** Stacked along a new first axis, the first step's last where `against`. */
  outputs: readonly (Item & { against?: boolean })[]
  step(states: readonly string[], slices: readonly string[]): { states: readonly string[]; outputs: readonly string[] }
}

/** ONNX's Scan: returns the last states and the outputs of all steps. */
export function scan(emit: Emitter, loop: Loop): { states: string[]; outputs: string[] } {
  const { states, sequences, outputs, step } = loop
  const port = ({ shape, dtype = 'float32' }: Item) => ({ dtype, shape })
  const body = emit.body([...states, ...sequences].map(port), [...states, ...outputs].map(port), (...names) => {
    const made = step(names.slice(0, states.length), names.slice(states.length))
    return [...made.states, ...made.outputs]
  })
  const inputs = [...states, ...sequences].map(({ name }) => name)
  const results = emit.ops('Scan', inputs, states.length + outputs.length, {
    body,
    num_scan_inputs: sequences.length,
    scan_input_directions: sequences.map(({ against }) => +(against ?? false)),
    scan_output_directions: outputs.map(({ against }) => +(against ?? false)),
  })
  return { states: results.slice(0, states.length), outputs: results.slice(states.length) }
}

/** 0 … T-1 as int64 [T, 1, 1]. */
export function stepNumbers(emit: Emitter, T: Dim): string {
  const steps = emit.op('Range', [emit.scalar(0, 'int64'), emit.dim(T), emit.scalar(1, 'int64')])
  return emit.op('Unsqueeze', [steps, emit.ints([1, 2])])
}

/** bool [T, B, 1]: whether the row lasts at the step. */
export const lastingSteps = (emit: Emitter, lengths: string, T: Dim, B: Dim): string =>
  emit.op('Less', [stepNumbers(emit, T), emit.reshape(lengths, [B], [1, B, 1])])
