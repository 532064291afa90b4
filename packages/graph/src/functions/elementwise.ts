import type { Value } from '../graph.js'
import type { DType } from '../tensor.js'
import { apply, type Operand, operands } from './apply.js'

// All of these work element by element, with NumPy broadcasting where there are two operands; numbers may stand for constants.

/** a + b. */
export const add = (a: Operand, b: Operand): Value => apply('add', operands(a, b))
/** a - b. */
export const sub = (a: Operand, b: Operand): Value => apply('sub', operands(a, b))
/** a · b. */
export const mul = (a: Operand, b: Operand): Value => apply('mul', operands(a, b))
/** a / b; division by 0 gives an infinity or NaN. */
export const div = (a: Operand, b: Operand): Value => apply('div', operands(a, b))
/** a^b. */
export const pow = (a: Operand, b: Operand): Value => apply('pow', operands(a, b))
/** The smaller of a and b; where they are equal the gradient goes to a. */
export const minimum = (a: Operand, b: Operand): Value => apply('minimum', operands(a, b))
/** The larger of a and b; where they are equal the gradient goes to a. */
export const maximum = (a: Operand, b: Operand): Value => apply('maximum', operands(a, b))

/** bool, whether a = b. */
export const equal = (a: Operand, b: Operand): Value => apply('equal', operands(a, b))
/** bool, whether a < b. */
export const less = (a: Operand, b: Operand): Value => apply('less', operands(a, b))
/** bool, whether a > b. */
export const greater = (a: Operand, b: Operand): Value => apply('greater', operands(a, b))
/** bool, whether a <= b. */
export const lessOrEqual = (a: Operand, b: Operand): Value => apply('lessOrEqual', operands(a, b))
/** bool, whether a >= b. */
export const greaterOrEqual = (a: Operand, b: Operand): Value => apply('greaterOrEqual', operands(a, b))
/** Both of two bool values. */
export const and = (a: Value, b: Value): Value => apply('and', [a, b])
/** One of two bool values, or both. */
export const or = (a: Value, b: Value): Value => apply('or', [a, b])
/** The opposite of a bool value. */
export const not = (a: Value): Value => apply('not', [a])
/** a where the bool condition holds, else b. */
export const where = (condition: Value, a: Operand, b: Operand): Value => apply('where', [condition, ...operands(a, b)])

/** -x. */
export const neg = (x: Value): Value => apply('neg', [x])
/** e^x. */
export const exp = (x: Value): Value => apply('exp', [x])
/** Natural logarithm; of 0 -Infinity, below NaN. */
export const log = (x: Value): Value => apply('log', [x])
/** Square root; NaN below 0. */
export const sqrt = (x: Value): Value => apply('sqrt', [x])
/** Hyperbolic tangent, in (-1, 1). */
export const tanh = (x: Value): Value => apply('tanh', [x])
/** 1 / (1 + e^-x), in (0, 1). */
export const sigmoid = (x: Value): Value => apply('sigmoid', [x])
/** x above 0, else 0; the gradient at 0 is 0. */
export const relu = (x: Value): Value => apply('relu', [x])
/** The error function 2/√π ∫₀ˣ e^(-t²) dt, in (-1, 1). */
export const erf = (x: Value): Value => apply('erf', [x])
/** Exact GELU, x/2 (1 + erf(x/√2)) (Hendrycks and Gimpel 2016). */
export const gelu = (x: Value): Value => apply('gelu', [x])
/** |x|; the gradient at 0 is 0. */
export const abs = (x: Value): Value => apply('abs', [x])
/** -1, 0 or 1; no gradient flows. */
export const sign = (x: Value): Value => apply('sign', [x])
/** The largest whole number not above x; no gradient flows. */
export const floor = (x: Value): Value => apply('floor', [x])
/** x, through which no gradient flows. */
export const stopGradient = (x: Value): Value => apply('stopGradient', [x])
/** x². */
export const square = (x: Value): Value => apply('square', [x])
/** bool, whether x is NaN. Exported as `isNaN`. */
export const isNotANumber = (x: Value): Value => apply('isNaN', [x])
/** Keeps x within [low, high]; the gradient is 0 outside. */
export const clip = (x: Value, low: number, high: number): Value => apply('clip', [x], { low, high })
/** x as another dtype; a value of that dtype is given back as it is. */
export const cast = (x: Value, dtype: DType): Value => (x.dtype === dtype ? x : apply('cast', [x], { dtype }))
/** Sum of values of one shape, in one node. */
export const sumOf = (values: readonly Value[]): Value => (values.length === 1 ? values[0]! : apply('sumOf', values))
