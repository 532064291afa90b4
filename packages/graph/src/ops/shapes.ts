import { type Dim, printShape, type Shape } from '../dims.js'
import type { ValueInfo } from '../graph.js'
import { RuleViolation } from '../rule.js'
import { type DType, isFloat } from '../tensor.js'

/** Shape rules that many ops have in common. */

/** NumPy's rule: dims are aligned at the end and must be equal, or one of them 1. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  const rank = Math.max(a.length, b.length)
  return Array.from({ length: rank }, (_, i) => {
    const da = a[a.length - rank + i] ?? 1
    const db = b[b.length - rank + i] ?? 1
    if (da === db || db === 1) return da
    if (da === 1) return db
    throw new RuleViolation(`shapes ${printShape(a)} and ${printShape(b)} do not broadcast: ${da} is not ${db}`)
  })
}

export function sameDtype(x: readonly ValueInfo[]): DType {
  const [first] = x
  for (const other of x)
    if (other.dtype !== first!.dtype) throw new RuleViolation(`dtypes differ: ${x.map((v) => v.dtype).join(', ')}`)
  return first!.dtype
}

/** Same dtype and shape as the input. */
export const same = ({ x }: { x: readonly ValueInfo[] }): ValueInfo[] => [x[0]!]

export const sameFloat = ({ x }: { x: readonly ValueInfo[] }): ValueInfo[] => {
  requireFloat(x[0]!)
  return [x[0]!]
}

export const broadcast = ({ x }: { x: readonly ValueInfo[] }): ValueInfo[] => [
  { dtype: sameDtype(x), shape: x.map((v) => v.shape).reduce(broadcastShapes) },
]

export const compare = (context: { x: readonly ValueInfo[] }): ValueInfo[] => [
  { dtype: 'bool', shape: broadcast(context)[0]!.shape },
]

export const logical = (context: { x: readonly ValueInfo[] }): ValueInfo[] => {
  for (const v of context.x) requireDtype(v, 'bool')
  return broadcast(context)
}

export function requireFloat(value: ValueInfo): void {
  if (!isFloat(value.dtype)) throw new RuleViolation(`expected floating-point numbers, found ${value.dtype}`)
}

export function requireDtype(value: ValueInfo, ...dtypes: DType[]): void {
  if (!dtypes.includes(value.dtype)) throw new RuleViolation(`expected ${dtypes.join(' or ')}, found ${value.dtype}`)
}

export function requireRank(value: ValueInfo, rank: number, what: string): void {
  if (value.shape.length !== rank)
    throw new RuleViolation(`${what} must have ${rank} dimensions, found ${printShape(value.shape)}`)
}

export function requireEqualDims(a: Dim, b: Dim, what: string): void {
  if (a !== b) throw new RuleViolation(`${what} differ: ${a} and ${b}`)
}

/** The shape without the axes, or with 1 in their place. */
export function reducedShape(shape: Shape, axes: readonly number[], keepDims: boolean): Shape {
  return keepDims ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i))
}
