import type { Emitter } from '../onnx/emitter.js'
import { product } from './recurrent-steps.js'

/**
 * The cells of recurrent networks: what one step does, what the backward pass multiplies with, and one step backwards. Values
 * lie as recurrent-steps.ts says.
 */
export interface Cell {
  /** How many times the state's width its products are wide. */
  readonly gates: number
  /** 2 with a cell state beside the hidden one. */
  readonly states: 1 | 2
  /** Whether the last gate has a bias of its own inside the recurrent product. */
  readonly candidateBias: boolean
  /** How many sequences a step keeps for the backward pass. */
  readonly slopes: number
  /**
   * The hidden state of rows that last, all new states, and what the gradients will be multiplied with: made here, while what it
   * takes is in the cache.
   */
  step(emit: Emitter, states: Names, step: Step): { next: string; states: string[]; slopes: string[] }
  /** From the gradients of the new states to those of the old ones, of the gates, and of a candidate's recurrent product. */
  back(emit: Emitter, d: Names, slopes: Names, back: Back): { states: string[]; gates: string; candidate?: string }
}

type Names = readonly string[]

interface Step {
  /** What `operand` is multiplied with, [D, gates H, H + I + 1]; a candidate apart. */
  matrix: string
  /** The state before, the input and a one under each other, [D, H + I + 1, B]. */
  operand: string
  /** The input and a one, [D, I + 1, B]. */
  input: string
  /** The last gate taken apart, with a bias [D, H, 1] of its own on the recurrent side. */
  candidate: { recurrent: string; input: string; bias: string } | undefined
  /** bool [D, 1, B]; rows that have ended keep their states. */
  real: string | undefined
}

interface Back {
  /** Gradient of the step's output. */
  dy: string
  /** All recurrent weights, [D, H, gates H]. */
  recurrent: string
  /** float32 [D, 1, B], 0 past the end. */
  real: string | undefined
}

/** h' = tanh(x·W + h·R + b) (Elman 1990). */
const rnn: Cell = {
  gates: 1,
  states: 1,
  candidateBias: false,
  slopes: 1,
  step(emit, [h], step) {
    const next = emit.op('Tanh', [product(emit, step.matrix, step.operand)])
    return { next, states: [keepEnded(emit, step.real, next, h!)], slopes: [oneMinusSquare(emit, next)] }
  },
  back(emit, [dh], [slope], back) {
    const d = gradientAt(emit, dh!, back)
    const gates = emit.op('Mul', [d.real, slope!])
    return { states: [through(emit, gates, back, d.passed)], gates }
  },
}

/**
 * i, o, f = σ(…), g = tanh(…) of x·W + h·R + b in this order; c' = f c + i g, h' = o tanh c' (Hochreiter and Schmidhuber
 * 1997, Gers et al. 2000).
 */
const lstm: Cell = {
  gates: 4,
  states: 2,
  candidateBias: false,
  slopes: 6,
  step(emit, [h, c], step) {
    const gates = pieces(emit, product(emit, step.matrix, step.operand), 4)
    const [i, o, f] = gates.slice(0, 3).map((gate) => emit.op('Sigmoid', [gate])) as [string, string, string]
    const g = emit.op('Tanh', [gates[3]!])
    const kept = emit.op('Mul', [f, c!])
    const added = emit.op('Mul', [i, g])
    const cell = emit.op('Add', [kept, added])
    const t = emit.op('Tanh', [cell])
    const next = emit.op('Mul', [o, t])
    // dc' = K dh' + …, K = o (1 - tanh² c'). The gates' gradients are those of c', h', c', c' by g i (1 - i), tanh c' o (1 - o),
    // c f (1 - f) and i (1 - g²).
    const slopes = [
      less(emit, added, added, i),
      less(emit, next, next, o),
      less(emit, kept, kept, f),
      less(emit, i, added, g),
      less(emit, o, next, t),
      f,
    ]
    return { next, states: [keepEnded(emit, step.real, next, h!), keepEnded(emit, step.real, cell, c!)], slopes }
  },
  back(emit, [dh, dc], [I, O, F, G, K, f], back) {
    const d = gradientAt(emit, dh!, back)
    const c = emit.op('Add', [emit.op('Mul', [d.real, K!]), dc!])
    const real = back.real ? emit.op('Mul', [c, back.real]) : c
    const gradients = [I!, O!, F!, G!].map((slope, gate) => emit.op('Mul', [gate === 1 ? d.real : real, slope]))
    const gates = emit.op('Concat', gradients, rows)
    const before = emit.op('Mul', [real, f!])
    const cell = back.real ? emit.op('Add', [before, emit.op('Sub', [c, real])]) : before
    return { states: [through(emit, gates, back, d.passed), cell], gates }
  },
}

/**
 * u, r = σ(…) of x·W + h·R + b, n = tanh(x·W + b + r (h·R + a)) with the candidate's bias a; h' = (1 - u) n + u h (Cho et al.
 * 2014). The reset gate r acts after the product, as in cuDNN.
 */
const gru: Cell = {
  gates: 3,
  states: 1,
  candidateBias: true,
  slopes: 5,
  step(emit, [h], step) {
    const [u, r] = pieces(emit, emit.op('Sigmoid', [product(emit, step.matrix, step.operand)]), 2) as [string, string]
    const { recurrent, input, bias } = step.candidate!
    const q = emit.op('Mul', [r, product(emit, recurrent, h!, bias)])
    const n = emit.op('Tanh', [product(emit, input, step.input, q)])
    const kept = emit.op('Mul', [u, emit.op('Sub', [h!, n])])
    const next = emit.op('Add', [n, kept])
    // Everything is proportional to d = dh': the gates' recurrent sides by U, R, Q, the candidate's input by N, the state by u.
    const N = emit.op('Mul', [emit.op('Sub', [emit.scalar(1), u]), oneMinusSquare(emit, n)])
    const R = emit.op('Mul', [N, less(emit, q, q, r)])
    const slopes = [less(emit, kept, kept, u), R, emit.op('Mul', [N, r]), N, u]
    return { next, states: [keepEnded(emit, step.real, next, h!)], slopes }
  },
  back(emit, [dh], [U, R, Q, N, u], back) {
    const d = gradientAt(emit, dh!, back)
    const [du, dr, dq, dn] = [U!, R!, Q!, N!].map((slope) => emit.op('Mul', [d.real, slope])) as [string, ...string[]]
    const recurrentSide = emit.op('Concat', [du, dr!, dq!], rows)
    const direct = emit.op('Mul', [d.real, u!])
    const passed = d.passed ? emit.op('Add', [direct, d.passed]) : direct
    const state = through(emit, recurrentSide, back, passed)
    return { states: [state], gates: emit.op('Concat', [du, dr!, dn!], rows), candidate: dq! }
  },
}

export const cells = { rnn, lstm, gru } as const

const rows = { axis: -2 } as const

/** Pieces of equal width. */
const pieces = (emit: Emitter, name: string, count: number) =>
  emit.ops('Split', [name], count, { ...rows, num_outputs: count })

/** The gradient of the state before, through the recurrent product. */
const through = (emit: Emitter, gates: string, { recurrent }: Back, passed: string | undefined) =>
  product(emit, recurrent, gates, passed)

const keepEnded = (emit: Emitter, real: string | undefined, next: string, before: string) =>
  real ? emit.op('Where', [real, next, before]) : next

/** The gradient that reaches a step's new state, and the part of rows that have ended, which passes to the state before. */
function gradientAt(emit: Emitter, dh: string, { dy, real }: Back): { real: string; passed: string | undefined } {
  const d = emit.op('Add', [dy, dh])
  if (!real) return { real: d, passed: undefined }
  return { real: emit.op('Mul', [d, real]), passed: emit.op('Sub', [dh, emit.op('Mul', [dh, real])]) }
}

/** a - b c */
const less = (emit: Emitter, a: string, b: string, c: string) => emit.op('Sub', [a, emit.op('Mul', [b, c])])

/** The slope of tanh by its value. */
const oneMinusSquare = (emit: Emitter, y: string) => less(emit, emit.scalar(1), y, y)
