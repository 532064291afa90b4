import { addDims, type Dim, printShape } from '../dims.js'
import { reduceSum } from '../functions/reductions.js'
import { reshape, slice } from '../functions/shape.js'
import type { Emitter } from '../onnx/emitter.js'
import { type OpTable, RuleViolation } from '../rule.js'
import { lastingSteps, scan, stepNumbers } from './scan.js'
import { requireDtype, requireRank, sameDtype } from './shapes.js'

/**
 * The forward scores of a linear chain and their gradient. Exponents of the gradient are probabilities of a step given the
 * next one, so nothing overflows however far the scores are apart.
 */
export const chains = {
  /** a_0 = start + e_0, a_t(j) = e_t(j) + log Σ_i exp(a_{t-1}(i) + transitions(i, j)) while the row lasts. */
  chainScores: {
    // emissions [T, B, K], transitions [K, K], start [K], lengths [B] -> last a [B, K]; saved: all of them [T, B, K].
    shape: ({ x: [emissions, transitions, start, lengths] }) => {
      requireRank(emissions!, 3, 'the emissions')
      const [, B, K] = emissions!.shape
      for (const [value, shape, what] of [
        [transitions!, [K!, K!], 'the transitions'],
        [start!, [K!], 'the start scores'],
        [lengths!, [B!], 'the lengths'],
      ] as const)
        if (printShape(value.shape) !== printShape(shape))
          throw new RuleViolation(`${what} must be ${printShape(shape)}`)
      requireDtype(lengths!, 'int64')
      const dtype = sameDtype([emissions!, transitions!, start!])
      return [{ dtype, shape: [B!, K!] }, emissions!]
    },
    saved: 1,
    grad: ({ dy, ys: [, scores] }, emissions, transitions, _start, lengths) => {
      const [dEmissions, dTransitions] = dy.builder.append('chainScoresGradient', [
        dy,
        scores!,
        emissions!,
        transitions!,
        lengths!,
      ])
      const first = slice(dEmissions!, { axis: 0, end: 1 })
      return [dEmissions!, dTransitions!, reduceSum(reshape(first, first.shape.slice(1)), 0), null]
    },
    lower: ({ emit, names: [emissions, transitions, start, lengths], x }) => {
      const [T, B, K] = x[0]!.shape as [Dim, Dim, Dim]
      const first = emit.op('Add', [emit.slice(emissions!, { axis: 0, size: T, start: 0, end: 1 }), start!])
      const { states, outputs } = scan(emit, {
        states: [{ name: emit.op('Squeeze', [first, emit.ints([0])]), shape: [B, K] }],
        sequences: [
          { name: emissions!, shape: [B, K] },
          { name: moves(emit, lengths!, T, B), shape: [B, 1], dtype: 'bool' },
        ],
        outputs: [{ shape: [B, K] }],
        step: ([a], [e, real]) => {
          const ways = emit.op('Add', [emit.op('Unsqueeze', [a!, emit.ints([2])]), transitions!])
          const next = emit.op('Add', [logSumExp(emit, ways, 1), e!])
          const kept = emit.op('Where', [real!, next, a!])
          return { states: [kept], outputs: [kept] }
        },
      })
      return [states[0]!, outputs[0]!]
    },
  },

  chainScoresGradient: {
    // d last [B, K], scores, emissions, transitions, lengths -> d emissions [T, B, K], d transitions [K, K].
    shape: ({ x: [, scores, , transitions] }) => [scores!, transitions!],
    saved: 0,
    grad: () => [],
    lower: ({ emit, names: [dLast, scores, emissions, transitions, lengths], x }) => {
      const [T, B, K] = x[1]!.shape as [Dim, Dim, Dim]
      const real = emit.cast(moves(emit, lengths!, T, B), 'float32')
      const firstScores = emit.slice(scores!, { axis: 0, size: T, start: 0, end: 1 })
      const earlierScores = emit.slice(scores!, { axis: 0, size: T, start: 0, end: addDims(T, -1) })
      const step = (name: string, width: Dim) => ({ name, shape: [B, width], against: true })
      const { states, outputs } = scan(emit, {
        states: [
          { name: dLast!, shape: [B, K] },
          { name: emit.filled([K, K], 0), shape: [K, K] },
        ],
        sequences: [
          step(emit.op('Concat', [firstScores, earlierScores], { axis: 0 }), K),
          step(emit.op('Sub', [emissions!, scores!]), K),
          step(real, 1),
        ],
        outputs: [{ shape: [B, K], against: true }],
        // Of the d of a step's scores, each earlier tag takes the share that it has in them.
        step: ([d, dTransitions], [before, rest, isReal]) => {
          const here = emit.op('Mul', [d!, isReal!])
          const ways = emit.op('Add', [emit.op('Unsqueeze', [before!, emit.ints([2])]), transitions!])
          const column = (name: string) => emit.op('Unsqueeze', [name, emit.ints([1])])
          const exponent = emit.op('Min', [emit.op('Add', [ways, column(rest!)]), emit.scalar(0)])
          const shares = emit.op('Mul', [emit.op('Exp', [exponent]), column(here)])
          const earlier = emit.op('ReduceSum', [shares, emit.ints([2])], { keepdims: 0 })
          const passed = emit.op('Sub', [d!, here])
          const sum = emit.op('ReduceSum', [shares, emit.ints([0])], { keepdims: 0 })
          return {
            states: [emit.op('Add', [earlier, passed]), emit.op('Add', [dTransitions!, sum])],
            outputs: [here],
          }
        },
      })
      const first = emit.op('Unsqueeze', [states[0]!, emit.ints([0])])
      const others = emit.slice(outputs[0]!, { axis: 0, size: T, start: 1, end: T })
      return [emit.op('Concat', [first, others], { axis: 0 }), states[1]!]
    },
  },
} satisfies OpTable

/** log Σ exp along an axis, which goes. */
function logSumExp(emit: Emitter, x: string, axis: number): string {
  const top = emit.op('ReduceMax', [x, emit.ints([axis])], { keepdims: 1 })
  const sum = emit.op('ReduceSum', [emit.op('Exp', [emit.op('Sub', [x, top])]), emit.ints([axis])], { keepdims: 0 })
  return emit.op('Add', [emit.op('Log', [sum]), emit.op('Squeeze', [top, emit.ints([axis])])])
}

/** bool [T, B, 1]: steps that a row reaches from the one before. */
function moves(emit: Emitter, lengths: string, T: Dim, B: Dim): string {
  const isLater = emit.op('Greater', [stepNumbers(emit, T), emit.scalar(0, 'int64')])
  return emit.op('And', [lastingSteps(emit, lengths, T, B), isLater])
}
