/** The largest finite number of float16. */
const largest = 65504

/**
 * The bits of the nearest float16 (IEEE 754 binary16), ties to even; what is beyond ±65,504, infinities too, becomes ±65,504,
 * so that a mask of -1e9 stays a number. NaN stays NaN.
 */
export function halfBits(numbers: Float32Array): Uint16Array {
  const result = new Uint16Array(numbers.length)
  for (let i = 0; i < numbers.length; i++) result[i] = bitsOf(numbers[i]!)
  return result
}

function bitsOf(value: number): number {
  if (Number.isNaN(value)) return 0x7e00
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0
  const size = Math.min(Math.abs(value), largest)
  // Below 2^-14 the numbers lie 2^-24 apart; above, 2^-10 of their power of two.
  const exponent = Math.max(-14, Math.floor(Math.log2(size)))
  const units = roundToEven(size / 2 ** (exponent - 10))
  // Units past 2^10 carry into the exponent by themselves.
  return sign | (exponent === -14 ? units : ((exponent + 14) << 10) + units)
}

function roundToEven(value: number): number {
  const below = Math.floor(value)
  const rest = value - below
  return rest > 0.5 || (rest === 0.5 && below % 2 === 1) ? below + 1 : below
}
