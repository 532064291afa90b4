import type { Dim } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { LowerContext } from '../rule.js'
import { cells } from './recurrent-cells.js'
import { type Recurrence, recurrentInputs } from './recurrent-inputs.js'

/** The runtime's own op, for inference: one node that every provider knows. Outputs past a row's end are 0. */
export function lowerToStock(context: LowerContext<Recurrence>, name: keyof typeof cells): string[] {
  const { emit, names, x: info, y, attributes } = context
  const cell = cells[name]
  const { x, layers, initial, lengths } = recurrentInputs(names, cell, attributes)
  const [T, B] = info[0]!.shape as [Dim, Dim]
  const D = layers.length
  const H = Number(y[0]!.shape[2]) / D
  const stacked = (parts: readonly string[]) => {
    const planes = parts.map((part) => emit.op('Unsqueeze', [part, emit.ints([0])]))
    return planes.length === 1 ? planes[0]! : emit.op('Concat', planes, { axis: 0 })
  }
  const turned = (matrix: string) => emit.op('Transpose', [matrix], { perm: [1, 0] })
  // ONNX has a second bias, inside the recurrent product.
  const zeros = emit.filled([(cell.gates - (cell.candidateBias ? 1 : 0)) * H], 0)
  const biases = layers.map(({ bias, candidateBias }) =>
    emit.op('Concat', [bias, zeros, ...(candidateBias ? [candidateBias] : [])], { axis: 0 }),
  )
  const inputs = [
    x,
    stacked(layers.map(({ weight }) => turned(weight))),
    stacked(layers.map(({ recurrent }) => turned(recurrent))),
    stacked(biases),
    lengths ? emit.cast(lengths, 'int32') : '',
    ...initial,
  ]
  const [all, ...last] = emit.ops(name.toUpperCase(), inputs, 1 + cell.states, {
    hidden_size: H,
    direction: attributes.direction,
    ...(name === 'gru' ? { linear_before_reset: 1 } : {}),
  })
  const states = lengths ? last.map((state, i) => keepEmpty(emit, state, initial[i]!, lengths, B)) : last
  if (D === 1) return [emit.reshape(all!, [T, 1, B, H], [T, B, H]), ...states]
  const byStep = emit.op('Transpose', [all!], { perm: [0, 2, 1, 3] })
  return [emit.reshape(byStep, [T, B, D, H], [T, B, D * H]), ...states]
}

/** The runtime gives rows of no steps the last state 0, not their first. */
function keepEmpty(emit: Emitter, state: string, initial: string, lengths: string, B: Dim): string {
  const empty = emit.op('Equal', [emit.reshape(lengths, [B], [1, B, 1]), emit.scalar(0, 'int64')])
  return emit.op('Where', [empty, initial, state])
}
