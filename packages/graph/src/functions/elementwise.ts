import type { Value } from '../graph.js'
import type { DType } from '../tensor.js'
import { apply, type Operand, operands } from './apply.js'

/** Element by element, with NumPy broadcasting. Numbers may stand for constants. */

export const add = (a: Operand, b: Operand): Value => apply('add', operands(a, b))
export const sub = (a: Operand, b: Operand): Value => apply('sub', operands(a, b))
export const mul = (a: Operand, b: Operand): Value => apply('mul', operands(a, b))
export const div = (a: Operand, b: Operand): Value => apply('div', operands(a, b))
/** a^b. */
export const pow = (a: Operand, b: Operand): Value => apply('pow', operands(a, b))
export const minimum = (a: Operand, b: Operand): Value => apply('minimum', operands(a, b))
export const maximum = (a: Operand, b: Operand): Value => apply('maximum', operands(a, b))

export const equal = (a: Operand, b: Operand): Value => apply('equal', operands(a, b))
export const less = (a: Operand, b: Operand): Value => apply('less', operands(a, b))
export const greater = (a: Operand, b: Operand): Value => apply('greater', operands(a, b))
export const lessOrEqual = (a: Operand, b: Operand): Value => apply('lessOrEqual', operands(a, b))
export const greaterOrEqual = (a: Operand, b: Operand): Value => apply('greaterOrEqual', operands(a, b))
export const and = (a: Value, b: Value): Value => apply('and', [a, b])
export const or = (a: Value, b: Value): Value => apply('or', [a, b])
export const not = (a: Value): Value => apply('not', [a])
/** a where the bool condition holds, else b. */
export const where = (condition: Value, a: Operand, b: Operand): Value => apply('where', [condition, ...operands(a, b)])

export const neg = (x: Value): Value => apply('neg', [x])
export const exp = (x: Value): Value => apply('exp', [x])
export const log = (x: Value): Value => apply('log', [x])
export const sqrt = (x: Value): Value => apply('sqrt', [x])
export const tanh = (x: Value): Value => apply('tanh', [x])
export const sigmoid = (x: Value): Value => apply('sigmoid', [x])
export const relu = (x: Value): Value => apply('relu', [x])
export const erf = (x: Value): Value => apply('erf', [x])
/** Exact GELU, x/2 (1 + erf(x/√2)) (Hendrycks and Gimpel 2016). */
export const gelu = (x: Value): Value => apply('gelu', [x])
export const abs = (x: Value): Value => apply('abs', [x])
export const sign = (x: Value): Value => apply('sign', [x])
export const floor = (x: Value): Value => apply('floor', [x])
export const square = (x: Value): Value => apply('square', [x])
/** Exported as `isNaN`. */
export const isNotANumber = (x: Value): Value => apply('isNaN', [x])
/** Keeps x within [low, high]; the gradient is 0 outside. */
export const clip = (x: Value, low: number, high: number): Value => apply('clip', [x], { low, high })
export const cast = (x: Value, dtype: DType): Value => (x.dtype === dtype ? x : apply('cast', [x], { dtype }))
/** Sum of values of one shape, in one node. */
export const sumOf = (values: readonly Value[]): Value => (values.length === 1 ? values[0]! : apply('sumOf', values))
