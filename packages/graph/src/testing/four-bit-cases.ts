import { linearFourBit, linearFourBitBack } from '../functions/four-bit.js'
import { type NdArray, nd, random } from './array.js'
import type { Case } from './case.js'

/** Bytes of two 4-bit numbers each. */
const bytes = (dims: readonly number[]) =>
  nd(dims, (...index) => (index.reduce((a, b) => a * 37 + b, 11) * 97) % 256, 'uint8')

/** Element (k, n) of the weight: the low half of a byte comes first, and 8 stands for 0. */
function weightAt(numbers: NdArray, scales: NdArray, k: number, n: number): number {
  const [block, place] = [Math.floor(k / 32), k % 32]
  const byte = numbers.at(n, block, place >> 1)
  return ((place % 2 === 0 ? byte & 15 : byte >> 4) - 8) * scales.at(n, block)
}

function fourBitCase(rows: number, inputs: number, outputs: number): Case[] {
  const blocks = Math.ceil(inputs / 32)
  const numbers = bytes([outputs, blocks, 16])
  const scales = random([outputs, blocks], 5, -0.1, 0.1)
  const shared = { differentiate: [0], tolerance: 1e-4 }
  const name = `of [${rows}, ${inputs}] by ${outputs} columns in 4 bits`
  return [
    {
      ...shared,
      name: `linearFourBit ${name}`,
      inputs: [random([rows, inputs], 3), numbers, scales],
      shapes: [['B', inputs], numbers.dims, scales.dims],
      build: (x, numbers, scales) => linearFourBit(x!, { numbers: numbers!, scales: scales! }, inputs),
      reference: (x, numbers, scales) =>
        nd([rows, outputs], (row, n) => sum(inputs, (k) => x!.at(row, k) * weightAt(numbers!, scales!, k, n))),
    },
    {
      ...shared,
      name: `linearFourBitBack ${name}`,
      inputs: [random([rows, outputs], 3), numbers, scales],
      shapes: [['B', outputs], numbers.dims, scales.dims],
      build: (dy, numbers, scales) => linearFourBitBack(dy!, { numbers: numbers!, scales: scales! }, inputs),
      reference: (dy, numbers, scales) =>
        nd([rows, inputs], (row, k) => sum(outputs, (n) => dy!.at(row, n) * weightAt(numbers!, scales!, k, n))),
    },
  ]
}

const sum = (count: number, term: (i: number) => number) =>
  Array.from({ length: count }, (_, i) => term(i)).reduce((a, b) => a + b, 0)

export const fourBitCases: Case[] = [...fourBitCase(3, 64, 5), ...fourBitCase(2, 40, 33), ...fourBitCase(4, 16, 24)]
