import { addDims, type Dim, subtractDims } from '../dims.js'
import { add } from '../functions/elementwise.js'
import { reduceSum } from '../functions/reductions.js'
import { gather, pad, slice } from '../functions/shape.js'
import type { Value } from '../graph.js'
import { type LowerContext, type OpTable, RuleViolation, row, type ShapeContext } from '../rule.js'

interface Border {
  axis: number
  before: number
  after: number
}

const shape =
  (room: (size: Dim) => Dim) =>
  ({ x: [x], attributes: { axis, before, after } }: ShapeContext<Border>) => {
    const size = x!.shape[axis]!
    const most = room(size)
    const fits = (n: number) => Number.isInteger(n) && n >= 0 && (typeof most !== 'number' || n <= most)
    if (!fits(before) || !fits(after))
      throw new RuleViolation(`cannot pad axis ${axis} of ${size} with ${before} before and ${after} after`)
    return [{ dtype: x!.dtype, shape: x!.shape.with(axis, addDims(size, before, after)) }]
  }

const lowerAs =
  (mode: 'reflect' | 'edge') =>
  ({ emit, names, x, attributes: { axis, before, after } }: LowerContext<Border>): string[] => {
    const pads = [before, after].flatMap((amount) => x[0]!.shape.map((_, i) => (i === axis ? amount : 0)))
    return [emit.op('Pad', [names[0]!, emit.ints(pads)], { mode })]
  }

/** The gradient of the elements themselves, and of the copies before and after them, where there are any. */
function parts(dy: Value, x: Value, { axis, before, after }: Border): [own: Value, first?: Value, last?: Value] {
  const end = addDims(before, x.shape[axis]!)
  return [
    slice(dy, { axis, start: before, end }),
    before > 0 ? slice(dy, { axis, end: before }) : undefined,
    after > 0 ? slice(dy, { axis, start: end }) : undefined,
  ]
}

const reversed = (x: Value, axis: number): Value => {
  const count = Number(x.shape[axis])
  return gather(
    x,
    x.builder.constant(
      Array.from({ length: count }, (_, i) => count - 1 - i),
      { dtype: 'int64' },
    ),
    axis,
  )
}

/** Adds a gradient that belongs to the elements from an offset on. */
const addAt = (own: Value, extra: Value, axis: number, offset: Dim): Value =>
  add(own, pad(extra, axis, offset, subtractDims(own.shape[axis]!, addDims(offset, extra.shape[axis]!))))

/** Padding by what is there already; padding by a number is `pad`. */
export const borders = {
  padReflect: row<Border>({
    shape: shape((size) => subtractDims(size, 1)),
    grad: ({ dy, attributes }, x) => {
      const { axis, after } = attributes
      let [own, first, last] = parts(dy, x!, attributes)
      if (first) own = addAt(own, reversed(first, axis), axis, 1)
      if (last) own = addAt(own, reversed(last, axis), axis, subtractDims(x!.shape[axis]!, after + 1))
      return [own]
    },
    lower: lowerAs('reflect'),
  }),
  padEdge: row<Border>({
    shape: shape(() => Number.POSITIVE_INFINITY),
    grad: ({ dy, attributes }, x) => {
      const { axis } = attributes
      let [own, first, last] = parts(dy, x!, attributes)
      if (first) own = addAt(own, reduceSum(first, axis, true), axis, 0)
      if (last) own = addAt(own, reduceSum(last, axis, true), axis, subtractDims(x!.shape[axis]!, 1))
      return [own]
    },
    lower: lowerAs('edge'),
  }),
} satisfies OpTable
