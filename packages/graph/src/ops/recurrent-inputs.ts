import type { Cell } from './recurrent-cells.js'
import { type Direction, directionCount } from './recurrent-steps.js'

export interface Recurrence {
  direction: Direction
  lengths: boolean
}

/** Of one direction; a candidate's bias where the cell has one. */
export interface Layer<V> {
  weight: V
  recurrent: V
  bias: V
  candidateBias: V | undefined
}

/** The inputs of a recurrent op by their meaning; the same for values, shapes and ONNX names. */
export function recurrentInputs<V>(items: readonly V[], cell: Cell, { direction, lengths }: Recurrence) {
  const rest = [...items]
  const x = rest.shift()!
  const layers = Array.from(
    { length: directionCount(direction) },
    (): Layer<V> => ({
      weight: rest.shift()!,
      recurrent: rest.shift()!,
      bias: rest.shift()!,
      candidateBias: cell.candidateBias ? rest.shift()! : undefined,
    }),
  )
  return { x, layers, initial: rest.splice(0, cell.states), lengths: lengths ? rest.shift() : undefined }
}
