import { addDims, type Dim, printShape } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import { type OpTable, RuleViolation } from '../rule.js'
import { lastingSteps, scan } from './scan.js'
import { requireDtype, requireRank, sameDtype } from './shapes.js'

/** Logarithm of a probability of nothing; finite, so that differences stay numbers. */
const impossible = -1e30

/**
 * Connectionist temporal classification (Graves et al. 2006): the forward variables over labels with blanks between them, and
 * their gradient, the probability of each place at each step given the labels.
 */
export const ctc = {
  /** a_t(s) = e_t(s) + log Σ exp over a_{t-1} of s, s-1 and, where `skip` is 0, s-2; before the first step only place 0 is open. */
  ctcScores: {
    // e [T, B, S], skip [B, S] (0 or far below), lengths [B] -> last a [B, S]; saved: all of them [T, B, S].
    shape: ({ x: [emissions, skip, lengths] }) => {
      requireRank(emissions!, 3, 'the emissions')
      const [, B, S] = emissions!.shape
      if (printShape(skip!.shape) !== printShape([B!, S!])) throw new RuleViolation(`skip must be [${B},${S}]`)
      if (printShape(lengths!.shape) !== printShape([B!])) throw new RuleViolation(`the lengths must be [${B}]`)
      requireDtype(lengths!, 'int64')
      return [{ dtype: sameDtype([emissions!, skip!]), shape: [B!, S!] }, emissions!]
    },
    saved: 1,
    grad: ({ dy, ys: [, scores] }, emissions, skip, lengths) => [
      dy.builder.append('ctcScoresGradient', [dy, scores!, emissions!, skip!, lengths!])[0]!,
      null,
      null,
    ],
    lower: ({ emit, names: [emissions, skip, lengths], x }) => {
      const [T, B, S] = x[0]!.shape as [Dim, Dim, Dim]
      const { states, outputs } = scan(emit, {
        states: [{ name: opening(emit, B, S), shape: [B, S] }],
        sequences: [
          { name: emissions!, shape: [B, S] },
          { name: lastingSteps(emit, lengths!, T, B), shape: [B, 1], dtype: 'bool' },
        ],
        outputs: [{ shape: [B, S] }],
        step: ([a], [e, real]) => {
          const ways = predecessors(emit, a!, skip!, B, S)
          const top = emit.op('Max', ways)
          const shares = ways.map((way) => emit.op('Exp', [emit.op('Sub', [way, top])]))
          const next = emit.op('Add', [emit.op('Add', [emit.op('Log', [emit.op('Sum', shares)]), top]), e!])
          const kept = emit.op('Where', [real!, next, a!])
          return { states: [kept], outputs: [kept] }
        },
      })
      return [states[0]!, outputs[0]!]
    },
  },

  ctcScoresGradient: {
    shape: ({ x: [, scores] }) => [scores!],
    saved: 0,
    grad: () => [],
    lower: ({ emit, names: [dLast, scores, emissions, skip, lengths], x }) => {
      const [T, B, S] = x[1]!.shape as [Dim, Dim, Dim]
      const first = emit.op('Unsqueeze', [opening(emit, B, S), emit.ints([0])])
      const before = emit.slice(scores!, { axis: 0, size: T, start: 0, end: addDims(T, -1) })
      const real = emit.cast(lastingSteps(emit, lengths!, T, B), 'float32')
      const { outputs } = scan(emit, {
        states: [{ name: dLast!, shape: [B, S] }],
        sequences: [
          { name: emit.op('Concat', [first, before], { axis: 0 }), shape: [B, S], against: true },
          { name: emit.op('Sub', [emissions!, scores!]), shape: [B, S], against: true },
          { name: real, shape: [B, 1], against: true },
        ],
        outputs: [{ shape: [B, S], against: true }],
        // Of the d of a place, each of its predecessors takes the share that it has in it.
        step: ([d], [a, rest, isReal]) => {
          const here = emit.op('Mul', [d!, isReal!])
          const shares = predecessors(emit, a!, skip!, B, S).map((way) => {
            const exponent = emit.op('Min', [emit.op('Add', [way, rest!]), emit.scalar(0)])
            return emit.op('Mul', [emit.op('Exp', [exponent]), here])
          })
          const zeros = emit.filled([B, 1], 0)
          const back = (name: string) =>
            emit.op('Concat', [emit.slice(name, { axis: 1, size: S, start: 1, end: S }), zeros], { axis: 1 })
          const [own, one, two] = shares as [string, string, string]
          const passed = emit.op('Sub', [d!, here])
          return { states: [emit.op('Sum', [own, back(one), back(back(two)), passed])], outputs: [here] }
        },
      })
      return [outputs[0]!]
    },
  },
} satisfies OpTable

/** Before the first step only the place before all labels is open. */
const opening = (emit: Emitter, B: Dim, S: Dim): string =>
  emit.op('Concat', [emit.filled([B, 1], 0), emit.filled([B, addDims(S, -1)], impossible)], { axis: 1 })

/** The scores of the places from which each place is reached: itself, the one before, the one before that. */
function predecessors(emit: Emitter, a: string, skip: string, B: Dim, S: Dim): string[] {
  const closed = emit.filled([B, 1], impossible)
  const on = (name: string) =>
    emit.op('Concat', [closed, emit.slice(name, { axis: 1, size: S, start: 0, end: addDims(S, -1) })], { axis: 1 })
  const one = on(a)
  return [a, one, emit.op('Add', [on(one), skip])]
}
