import { GraphError } from '../error.js'
import type { Value } from '../graph.js'
import type { Direction } from '../ops/recurrent-steps.js'
import { fill } from './shape.js'

/** The weights of one direction: weight [I, gates H], recurrent [H, gates H], bias [gates H]. */
export interface RecurrentWeights {
  weight: Value
  recurrent: Value
  bias: Value
}

export interface GruWeights extends RecurrentWeights {
  /** [H], inside the reset gate's reach. */
  candidateBias: Value
}

export interface RecurrentOptions {
  /** Default `forward`, or `bidirectional` where two weights are given: forward first. */
  direction?: Direction
  /** int64 [B]: steps of each row, at most T. Later ones leave the states as they are; outputs there are 0. */
  lengths?: Value
  /** First states [D, B, H] of the op's kinds: hidden, for an LSTM also the cell; default 0. */
  initial?: readonly Value[]
}

/** y [T, B, D H]; the last states [D, B, H], those of the reverse direction from the first step. */
export interface Recurrent {
  y: Value
  hidden: Value
}

/** h' = tanh(x·W + h·R + b) (Elman 1990). x [T, B, I], time first. */
export const rnn = (x: Value, weights: readonly RecurrentWeights[], options: RecurrentOptions = {}): Recurrent => {
  const [y, hidden] = recurrence('rnn', x, weights, 1, options)
  return { y: y!, hidden: hidden! }
}

/**
 * Long short-term memory (Hochreiter and Schmidhuber 1997, with the forget gate of Gers et al. 2000). x [T, B, I], time
 * first; gates lie in ONNX's order: input, output, forget, content.
 */
export function lstm(
  x: Value,
  weights: readonly RecurrentWeights[],
  options: RecurrentOptions = {},
): Recurrent & { cell: Value } {
  const [y, hidden, cell] = recurrence('lstm', x, weights, 2, options)
  return { y: y!, hidden: hidden!, cell: cell! }
}

/**
 * Gated recurrent unit (Cho et al. 2014), the reset gate acting after the product as in cuDNN. x [T, B, I], time first; gates
 * lie in ONNX's order: update, reset, candidate.
 */
export const gru = (x: Value, weights: readonly GruWeights[], options: RecurrentOptions = {}): Recurrent => {
  const [y, hidden] = recurrence('gru', x, weights, 1, options)
  return { y: y!, hidden: hidden! }
}

function recurrence(
  op: string,
  x: Value,
  weights: readonly (RecurrentWeights & Partial<GruWeights>)[],
  states: number,
  { direction = weights.length === 2 ? 'bidirectional' : 'forward', lengths, initial }: RecurrentOptions,
): Value[] {
  const details = { op, path: x.builder.path }
  const D = direction === 'bidirectional' ? 2 : 1
  if (weights.length !== D)
    throw new GraphError(`direction ${direction} needs the weights of ${D}, found ${weights.length}`, details)
  if (initial && initial.length !== states)
    throw new GraphError(`expected ${states} initial states, found ${initial.length}`, details)
  const H = weights[0]!.recurrent.shape[0]!
  const zeros = () => fill(x.builder, [D, x.shape[1] ?? 1, H], 0)
  const first = initial ?? Array.from({ length: states }, zeros)
  const layers = weights.flatMap(({ weight, recurrent, bias, candidateBias }) => [
    weight,
    recurrent,
    bias,
    ...(candidateBias ? [candidateBias] : []),
  ])
  const attributes = { direction, lengths: lengths !== undefined }
  return x.builder.append(op, [x, ...layers, ...first, ...(lengths ? [lengths] : [])], attributes)
}
