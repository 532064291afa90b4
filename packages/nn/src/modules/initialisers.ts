import { elementCount } from '@volant/graph'
import type { Random } from '../random.js'

/** Fills a new parameter of the given shape. */
export type Initialiser = (shape: readonly number[], random: Random) => Float32Array

/** A loop, since `Float32Array.from` takes ten times as long, seconds for large models. */
function filled(shape: readonly number[], next: () => number): Float32Array {
  const data = new Float32Array(elementCount(shape))
  for (let i = 0; i < data.length; i++) data[i] = next()
  return data
}

/** All elements the same. */
export const constant =
  (value: number): Initialiser =>
  (shape) =>
    new Float32Array(elementCount(shape)).fill(value)

/** All elements 0. */
export const zeros = constant(0)
/** All elements 1. */
export const ones = constant(1)

/** Normal with mean 0. */
export const normal =
  (deviation: number): Initialiser =>
  (shape, random) =>
    filled(shape, () => deviation * random.normal())

/** Uniform in [-bound, bound). */
export const uniform =
  (bound: number): Initialiser =>
  (shape, random) =>
    filled(shape, () => bound * (2 * random.uniform() - 1))

/** Keeps the variance of activations and gradients (Glorot and Bengio 2010): uniform within sqrt(6 / (fanIn + fanOut)). */
export const glorot: Initialiser = (shape, random) => {
  const { fanIn, fanOut } = fans(shape)
  return uniform(Math.sqrt(6 / (fanIn + fanOut)))(shape, random)
}

/** Keeps the variance through ReLU (He et al. 2015): normal with deviation sqrt(2 / fanIn). */
export const he: Initialiser = (shape, random) => normal(Math.sqrt(2 / fans(shape).fanIn))(shape, random)

/** [in, out] for products; [out, in, …kernel] for convolutions. */
function fans(shape: readonly number[]): { fanIn: number; fanOut: number } {
  const [first = 1, second = 1, ...kernel] = shape
  const taps = elementCount(kernel)
  return kernel.length > 0 ? { fanIn: second * taps, fanOut: first * taps } : { fanIn: first, fanOut: second }
}
