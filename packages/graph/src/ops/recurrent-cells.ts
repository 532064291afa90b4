import type { Emitter } from '../onnx/emitter.js'

/**
 * The cells of recurrent networks: what one step does, what the backward pass needs of it, and one step backwards. Every value
 * is [D, B, width], all D directions at once. Slopes are worked out in the step, while its numbers are in the cache.
 */
export interface Cell {
  /** Products with the state before: how many of the state's width. */
  readonly gates: number
  /** 2 with a cell state beside the hidden one. */
  readonly states: 1 | 2
  /** Whether the last gate has a bias of its own inside the recurrent product. */
  readonly candidateBias: boolean
  /** Numbers each step keeps for the backward pass to multiply with, in widths of the state. */
  readonly slopes: readonly number[]
  step(emit: Emitter, states: Names, step: Step): { states: string[]; slopes: string[] }
  /** From the gradients of the new states to those of the old ones and of the pre-activations; real: float, 0 past the end. */
  back(emit: Emitter, d: Names, slopes: Names, back: Back): { states: string[]; gates: string; candidate?: string }
}

type Names = readonly string[]

export interface Step {
  /** Pre-activations from the input, x·W + b. */
  z: string
  /** Weights of the recurrent product, [D, H, gates H]. */
  recurrent: string
  candidateBias: string
  /** bool [D, B, 1]; rows that have ended keep their states. */
  real: string | undefined
  width: number
}

export interface Back {
  /** Gradient of the step's output. */
  dy: string
  /** The recurrent weights transposed, [D, gates H, H]. */
  recurrent: string
  /** float32 [D, B, 1] */
  real: string | undefined
}

/** h' = tanh(x·W + h·R + b) (Elman 1990). */
const rnn: Cell = {
  gates: 1,
  states: 1,
  candidateBias: false,
  slopes: [1],
  step(emit, [h], step) {
    const next = emit.op('Tanh', [preactivation(emit, h!, step)])
    return { states: [keepEnded(emit, step.real, next, h!)], slopes: [oneMinusSquare(emit, next)] }
  },
  back(emit, [dh], [slope], back) {
    const d = gradientAt(emit, dh!, back)
    const gates = emit.op('Mul', [d.real, slope!])
    return { states: [sum(emit, product(emit, gates, back), d.passed)], gates }
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
  slopes: [1, 1, 1, 1, 1, 1],
  // dc' = K dh' + …, K = o (1 - tanh² c'). The gates' gradients are those of c', h', c', c' by g i (1 - i), tanh c' o (1 - o),
  // c f (1 - f) and i (1 - g²).
  step(emit, [h, c], step) {
    const [rates, content] = emit.ops('Split', [preactivation(emit, h!, step), widths(emit, step, 3, 1)], 2, last)
    const g = emit.op('Tanh', [content!])
    const [i, o, f] = pieces(emit, emit.op('Sigmoid', [rates!]), 3) as [string, string, string]
    const kept = emit.op('Mul', [f, c!])
    const added = emit.op('Mul', [i, g])
    const cell = emit.op('Add', [kept, added])
    const t = emit.op('Tanh', [cell])
    const next = emit.op('Mul', [o, t])
    return {
      states: [keepEnded(emit, step.real, next, h!), keepEnded(emit, step.real, cell, c!)],
      slopes: [
        less(emit, added, added, i),
        less(emit, next, next, o),
        less(emit, kept, kept, f),
        less(emit, i, added, g),
        less(emit, o, next, t),
        f,
      ],
    }
  },
  back(emit, [dh, dc], [I, O, F, G, K, f], back) {
    const d = gradientAt(emit, dh!, back)
    const c = emit.op('Add', [emit.op('Mul', [d.real, K!]), dc!])
    const real = back.real ? emit.op('Mul', [c, back.real]) : c
    const parts = [
      emit.op('Mul', [real, I!]),
      emit.op('Mul', [d.real, O!]),
      emit.op('Mul', [real, F!]),
      emit.op('Mul', [real, G!]),
    ]
    const gates = emit.op('Concat', parts, last)
    const before = emit.op('Mul', [real, f!])
    const passed = back.real && emit.op('Sub', [c, real])
    return { states: [sum(emit, product(emit, gates, back), d.passed), sum(emit, before, passed)], gates }
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
  slopes: [1, 1, 1, 1, 1],
  step(emit, [h], step) {
    const halves = (name: string) => emit.ops('Split', [name, widths(emit, step, 2, 1)], 2, last)
    const [zRates, zContent] = halves(step.z)
    const [hRates, hContent] = halves(product(emit, h!, step))
    const [u, r] = pieces(emit, emit.op('Sigmoid', [emit.op('Add', [zRates!, hRates!])]), 2) as [string, string]
    const q = emit.op('Mul', [r, emit.op('Add', [hContent!, step.candidateBias])])
    const n = emit.op('Tanh', [emit.op('Add', [zContent!, q])])
    const kept = emit.op('Mul', [u, emit.op('Sub', [h!, n])])
    const next = emit.op('Add', [n, kept])
    const N = emit.op('Mul', [emit.op('Sub', [emit.scalar(1), u]), oneMinusSquare(emit, n)])
    const R = emit.op('Mul', [N, less(emit, q, q, r)])
    return {
      states: [keepEnded(emit, step.real, next, h!)],
      slopes: [less(emit, kept, kept, u), R, emit.op('Mul', [N, r]), N, u],
    }
  },
  back(emit, [dh], [U, R, Q, N, u], back) {
    const d = gradientAt(emit, dh!, back)
    const gates = emit.op(
      'Concat',
      [U!, R!, Q!].map((slope) => emit.op('Mul', [d.real, slope])),
      last,
    )
    const before = emit.op('Add', [product(emit, gates, back), emit.op('Mul', [d.real, u!])])
    return { states: [sum(emit, before, d.passed)], gates, candidate: emit.op('Mul', [d.real, N!]) }
  },
}

export const cells = { rnn, lstm, gru } as const

const last = { axis: -1 } as const

const widths = (emit: Emitter, { width }: Step, ...counts: number[]) => emit.ints(counts.map((count) => count * width))

/** Pieces of equal width. */
const pieces = (emit: Emitter, name: string, count: number) =>
  emit.ops('Split', [name], count, { ...last, num_outputs: count })

const product = (emit: Emitter, x: string, { recurrent }: { recurrent: string }) => emit.op('MatMul', [x, recurrent])

const preactivation = (emit: Emitter, h: string, step: Step) => emit.op('Add', [product(emit, h, step), step.z])

const keepEnded = (emit: Emitter, real: string | undefined, next: string, before: string) =>
  real ? emit.op('Where', [real, next, before]) : next

const sum = (emit: Emitter, a: string, b: string | undefined) => (b ? emit.op('Add', [a, b]) : a)

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
