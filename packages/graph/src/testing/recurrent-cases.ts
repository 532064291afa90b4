import { sizeOf } from '../dims.js'
import { gru, lstm, type RecurrentOptions, rnn } from '../functions/recurrent.js'
import { concat, reshape } from '../functions/shape.js'
import type { Value } from '../graph.js'
import { ids, list, type NdArray, random } from './array.js'
import type { Case } from './case.js'

type CellName = 'rnn' | 'lstm' | 'gru'
type Direction = NonNullable<RecurrentOptions['direction']>

const gatesOf = { rnn: 1, lstm: 4, gru: 3 }
const statesOf = { rnn: 1, lstm: 2, gru: 1 }
const sigmoid = (v: number) => 1 / (1 + Math.exp(-v))

interface Weights {
  weight: NdArray
  recurrent: NdArray
  bias: NdArray
  candidateBias?: NdArray
}

/** One step of one row in naive loops; h and c are replaced. */
function step(name: CellName, x: number[], h: number[], c: number[], w: Weights): { h: number[]; c: number[] } {
  const H = h.length
  const input = (g: number, j: number) =>
    x.reduce((sum, v, i) => sum + v * w.weight.at(i, g * H + j), w.bias.at(g * H + j))
  const before = (g: number, j: number) => h.reduce((sum, v, i) => sum + v * w.recurrent.at(i, g * H + j), 0)
  const a = (g: number, j: number) => input(g, j) + before(g, j)
  const each = (value: (j: number) => number) => h.map((_, j) => value(j))
  if (name === 'rnn') return { h: each((j) => Math.tanh(a(0, j))), c }
  if (name === 'lstm') {
    const cell = each((j) => sigmoid(a(2, j)) * c[j]! + sigmoid(a(0, j)) * Math.tanh(a(3, j)))
    return { h: each((j) => sigmoid(a(1, j)) * Math.tanh(cell[j]!)), c: cell }
  }
  const next = each((j) => {
    const u = sigmoid(a(0, j))
    const n = Math.tanh(input(2, j) + sigmoid(a(1, j)) * (before(2, j) + w.candidateBias!.at(j)))
    return (1 - u) * n + u * h[j]!
  })
  return { h: next, c }
}

/** y, last hidden and cell states of all rows and directions, one after the other. */
function reference(
  name: CellName,
  direction: Direction,
  lengths: number[] | undefined,
  inputs: readonly NdArray[],
): NdArray {
  const rest = [...inputs]
  const x = rest.shift()!
  const [T, B, I] = x.dims as [number, number, number]
  const D = direction === 'bidirectional' ? 2 : 1
  const layers = Array.from({ length: D }, (): Weights => {
    const [weight, recurrent, bias] = rest.splice(0, 3) as [NdArray, NdArray, NdArray]
    return { weight, recurrent, bias, candidateBias: name === 'gru' ? rest.shift() : undefined }
  })
  const initial = rest
  const H = layers[0]!.recurrent.dims[0]!
  const y = new Float64Array(T * B * D * H)
  const last = initial.map(() => new Float64Array(D * B * H))
  for (let d = 0; d < D; d++)
    for (let b = 0; b < B; b++) {
      const n = lengths?.[b] ?? T
      let state = { h: [] as number[], c: [] as number[] }
      for (let j = 0; j < H; j++) {
        state.h.push(initial[0]!.at(d, b, j))
        state.c.push(initial[1]?.at(d, b, j) ?? 0)
      }
      for (let s = 0; s < n; s++) {
        const t = direction === 'reverse' || d === 1 ? n - 1 - s : s
        const seen = Array.from({ length: I }, (_, i) => x.at(t, b, i))
        state = step(name, seen, state.h, state.c, layers[d]!)
        for (let j = 0; j < H; j++) y[((t * B + b) * D + d) * H + j] = state.h[j]!
      }
      for (let j = 0; j < H; j++) {
        last[0]![(d * B + b) * H + j] = state.h[j]!
        if (last[1]) last[1][(d * B + b) * H + j] = state.c[j]!
      }
    }
  return list([...y, ...last.flatMap((part) => [...part])])
}

function recurrentCase(name: CellName, direction: Direction, T: number, lengths?: number[]): Case {
  const [B, I, H] = [lengths?.length ?? 2, 3, 2]
  const D = direction === 'bidirectional' ? 2 : 1
  const G = gatesOf[name] * H
  const perDirection = name === 'gru' ? 4 : 3
  let seed = 1
  const some = (...dims: number[]) => random(dims, seed++, -1, 1)
  const weights = Array.from({ length: D }, () => [
    some(I, G),
    some(H, G),
    some(G),
    ...(name === 'gru' ? [some(H)] : []),
  ]).flat()
  const states = Array.from({ length: statesOf[name] }, () => some(D, B, H))
  const build = (x: Value | undefined, ...others: (Value | undefined)[]) => {
    const rest = others as Value[]
    const layers = Array.from({ length: D }, () => {
      const [weight, recurrent, bias, candidateBias] = rest.splice(0, perDirection)
      return { weight: weight!, recurrent: recurrent!, bias: bias!, candidateBias: candidateBias! }
    })
    const initial = rest.splice(0, states.length)
    const options = { direction, initial, lengths: rest[0] }
    const flat = (value: Value) => reshape(value, [sizeOf(value.shape)])
    if (name === 'lstm') {
      const found = lstm(
        x!,
        layers.map(({ candidateBias: _, ...layer }) => layer),
        options,
      )
      return concat([flat(found.y), flat(found.hidden), flat(found.cell)], 0)
    }
    const plain = layers.map(({ candidateBias: _, ...layer }) => layer)
    const found = name === 'rnn' ? rnn(x!, plain, options) : gru(x!, layers, options)
    return concat([flat(found.y), flat(found.hidden)], 0)
  }
  const inputs = [some(T, B, I), ...weights, ...states]
  return {
    name: `${name} ${direction}, ${T} steps${lengths ? `, lengths ${lengths}` : ''}`,
    inputs: [...inputs, ...(lengths ? [ids(lengths)] : [])],
    shapes: [
      ['T', 'B', I],
      ...weights.map(({ dims }) => dims),
      ...states.map(() => [D, 'B', H]),
      ...(lengths ? [['B']] : []),
    ],
    differentiate: inputs.map((_, i) => i),
    build,
    reference: (...all) => reference(name, direction, lengths, all.slice(0, inputs.length)),
    tolerance: 4e-5,
  }
}

export const recurrentCases: Case[] = (['rnn', 'lstm', 'gru'] as const).flatMap((name) => [
  recurrentCase(name, 'forward', 3),
  recurrentCase(name, 'forward', 1),
  recurrentCase(name, 'reverse', 3, [3, 1]),
  recurrentCase(name, 'bidirectional', 4),
  recurrentCase(name, 'bidirectional', 4, [2, 4, 0]),
])
