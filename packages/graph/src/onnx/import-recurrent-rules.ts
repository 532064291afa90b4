import { add, cast } from '../functions/elementwise.js'
import { gru, lstm, type Recurrent, rnn } from '../functions/recurrent.js'
import { fill, pad, reshape, slice, transpose } from '../functions/shape.js'
import type { Value } from '../graph.js'
import { cells } from '../ops/recurrent-cells.js'
import type { ImportContext, ImportRule } from './import-context.js'

/** ONNX's recurrent ops hold all directions in one tensor, the weights lying the other way round than ours. */
const recurrent =
  (name: keyof typeof cells): ImportRule =>
  (c) => {
    const cell = cells[name]
    const G = cell.gates
    refuse(c, name)
    const [x, weights, recurrents] = [c.value(0), c.value(1), c.value(2)]
    const [T, B] = x.shape
    const D = Number(weights.shape[0])
    const H = Number(recurrents.shape[2])
    const biases = c.has(3) ? c.value(3) : fill(c.builder, [D, 2 * G * H], 0)
    const layers = Array.from({ length: D }, (_, d) => {
      const own = (value: Value) => reshape(slice(value, { axis: 0, start: d, end: d + 1 }), value.shape.slice(1))
      const part = (from: number, to: number) => slice(own(biases), { axis: 0, start: from * H, end: to * H })
      const sum = add(part(0, G), part(G, 2 * G))
      const layer = { weight: transpose(own(weights), [1, 0]), recurrent: transpose(own(recurrents), [1, 0]) }
      if (!cell.candidateBias) return { ...layer, bias: sum, candidateBias: sum }
      // The second bias of the candidate lies within the reach of the reset gate.
      const bias = add(part(0, G), padded(part(G, 2 * G - 1), H))
      return { ...layer, bias, candidateBias: part(2 * G - 1, 2 * G) }
    })
    const state = (input: number) => (c.has(input) ? c.value(input) : fill(c.builder, [D, B!, H], 0))
    const options = {
      direction: c.text('direction', 'forward') as 'forward' | 'reverse' | 'bidirectional',
      initial: [5, 6].slice(0, cell.states).map(state),
      ...(c.has(4) ? { lengths: cast(c.value(4), 'int64') } : {}),
    }
    const plain = layers.map(({ candidateBias: _, ...layer }) => layer)
    const found: Recurrent & { cell?: Value } =
      name === 'lstm' ? lstm(x, plain, options) : name === 'gru' ? gru(x, layers, options) : rnn(x, plain, options)
    const y = transpose(reshape(found.y, [T!, B!, D, H]), [0, 2, 1, 3])
    return [y, found.hidden, ...(found.cell ? [found.cell] : [])]
  }

/** A bias of the other gates, 0 for the candidate. */
const padded = (bias: Value, H: number): Value => pad(bias, 0, 0, H)

function refuse(c: ImportContext, name: keyof typeof cells): void {
  if (c.int('layout', 0) !== 0) c.fail('a layout with the batch first')
  if (c.has(7)) c.fail('peepholes')
  if (c.int('input_forget', 0) !== 0) c.fail('coupled input and forget gates')
  if (c.node.attributes['clip']) c.fail('clipping of the gates')
  if (c.node.attributes['activations']) c.fail('activations other than the usual ones')
  if (name === 'gru' && c.int('linear_before_reset', 0) !== 1) c.fail('a reset gate before the product')
}

export const recurrentRules: Readonly<Record<string, ImportRule>> = {
  RNN: recurrent('rnn'),
  LSTM: recurrent('lstm'),
  GRU: recurrent('gru'),
}
