import type { Emitter } from '../onnx/emitter.js'

/**
 * The cells of recurrent networks: what one step does, what the backward pass needs of it, and one step backwards. Every value
 * of a step is [D, B, width], all D directions at once; of all steps together [T, D, B, width].
 */
export interface Cell {
  /** Products with the state before: how many of the state's width. */
  readonly gates: number
  /** 2 with a cell state beside the hidden one. */
  readonly states: 1 | 2
  /** Whether the last gate has a bias of its own inside the recurrent product. */
  readonly candidateBias: boolean
  /** What each step keeps for the backward pass, in widths of the state. */
  readonly saved: readonly number[]
  step(emit: Emitter, states: Names, step: Step): { states: string[]; saved: string[] }
  /** Numbers that the backward pass multiplies with, for all steps at once; `before` are `initial` and all states but the last. */
  slopes(emit: Emitter, saved: Names, before: (sequence: string, state: number) => string): Slope[]
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

export interface Slope {
  name: string
  /** In widths of the state. */
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
  saved: [1],
  step(emit, [h], step) {
    const next = keepEnded(emit, step.real, emit.op('Tanh', [preactivation(emit, h!, step)]), h!)
    return { states: [next], saved: [next] }
  },
  slopes: (emit, [h]) => [{ name: oneMinusSquare(emit, h!), width: 1 }],
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
  saved: [3, 1, 1],
  step(emit, [h, c], step) {
    const [rates, content] = emit.ops('Split', [preactivation(emit, h!, step), widths(emit, step, 3, 1)], 2, last)
    const s = emit.op('Sigmoid', [rates!])
    const g = emit.op('Tanh', [content!])
    const [i, o, f] = pieces(emit, s, 3)
    const cell = emit.op('Add', [emit.op('Mul', [f!, c!]), emit.op('Mul', [i!, g])])
    const next = emit.op('Mul', [o!, emit.op('Tanh', [cell])])
    const kept = keepEnded(emit, step.real, cell, c!)
    return { states: [keepEnded(emit, step.real, next, h!), kept], saved: [s, g, kept] }
  },
  // dc' = K dh' + …, K = o (1 - tanh² c'); the gates' gradients are A (dc', dh', dc', dc').
  slopes(emit, [s, g, cells], before) {
    const [i, o, f] = pieces(emit, s!, 3)
    const t = emit.op('Tanh', [cells!])
    const factors = emit.op('Concat', [g!, t, before(cells!, 1)], last)
    const A = [emit.op('Mul', [factors, sigmoidSlope(emit, s!)]), emit.op('Mul', [i!, oneMinusSquare(emit, g!)])]
    return [
      { name: emit.op('Concat', A, last), width: 4 },
      { name: emit.op('Mul', [o!, oneMinusSquare(emit, t)]), width: 1 },
      { name: f!, width: 1 },
    ]
  },
  back(emit, [dh, dc], [A, K, f], back) {
    const d = gradientAt(emit, dh!, back)
    const c = emit.op('Add', [emit.op('Mul', [d.real, K!]), dc!])
    const real = back.real ? emit.op('Mul', [c, back.real]) : c
    const gates = emit.op('Mul', [emit.op('Concat', [real, d.real, real, real], last), A!])
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
  saved: [2, 1, 1, 1],
  step(emit, [h], step) {
    const halves = (name: string) => emit.ops('Split', [name, widths(emit, step, 2, 1)], 2, last)
    const [zRates, zContent] = halves(step.z)
    const [hRates, hContent] = halves(product(emit, h!, step))
    const s = emit.op('Sigmoid', [emit.op('Add', [zRates!, hRates!])])
    const [update, r] = pieces(emit, s, 2)
    const q = emit.op('Add', [hContent!, step.candidateBias])
    const n = emit.op('Tanh', [emit.op('Add', [zContent!, emit.op('Mul', [r!, q])])])
    const u = step.real ? emit.op('Where', [step.real, update!, emit.scalar(1)]) : update!
    const next = emit.op('Add', [n, emit.op('Mul', [u, emit.op('Sub', [h!, n])])])
    return { states: [next], saved: [s, n, q, next] }
  },
  // Everything is proportional to d = dh': the gates' recurrent sides by A, the candidate's input by N, the state before by u.
  slopes(emit, [s, n, q, h], before) {
    const [u, r] = pieces(emit, s!, 2)
    const N = emit.op('Mul', [emit.op('Sub', [emit.scalar(1), u!]), oneMinusSquare(emit, n!)])
    const U = emit.op('Mul', [emit.op('Sub', [before(h!, 0), n!]), sigmoidSlope(emit, u!)])
    const R = emit.op('Mul', [emit.op('Mul', [N, q!]), sigmoidSlope(emit, r!)])
    return [
      { name: emit.op('Concat', [U, R, emit.op('Mul', [N, r!])], last), width: 3 },
      { name: N, width: 1 },
      { name: u!, width: 1 },
    ]
  },
  back(emit, [dh], [A, N, u], back) {
    const d = gradientAt(emit, dh!, back)
    const gates = emit.op('Mul', [emit.op('Concat', [d.real, d.real, d.real], last), A!])
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

/** The slope of tanh by its value. */
const oneMinusSquare = (emit: Emitter, y: string) => emit.op('Sub', [emit.scalar(1), emit.op('Mul', [y, y])])

/** The slope of the logistic function by its value. */
const sigmoidSlope = (emit: Emitter, s: string) => emit.op('Sub', [s, emit.op('Mul', [s, s])])
