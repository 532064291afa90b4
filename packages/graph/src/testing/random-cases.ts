import { dropout } from '../functions/layers.js'
import { list, nd, random } from './array.js'
import type { Case } from './case.js'

/** The hash written with BigInt, beside the graph's uint32 ops and the table's Math.imul. */
const mask32 = 0xffffffffn

function finalise(value: bigint): bigint {
  let h = value & mask32
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & mask32
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & mask32
  return h ^ (h >> 16n)
}

export const keeps = (row: number, place: number, seed: number, salt: number, p: number): boolean => {
  const start = finalise(BigInt(row) ^ BigInt(seed) ^ finalise(BigInt(salt + 1)))
  return Number(finalise(start ^ ((BigInt(place) * 0x9e3779b1n) & mask32))) < Math.floor((1 - p) * 2 ** 32)
}

export const randomCases: Case[] = [
  ...[0.1, 0.5].map(
    (p): Case => ({
      name: `dropout of ${p}`,
      inputs: [random([5, 7]), list([3_000_000_019], [], 'uint32')],
      shapes: [['N', 7], []],
      build: (x, seed) => dropout(x!, p, seed!, { salt: 11 }),
      reference: (x, seed) => nd([5, 7], (i, j) => (keeps(i, j, seed!.at(), 11, p) ? x!.at(i, j) / (1 - p) : 0)),
    }),
  ),
  {
    name: 'dropout of a share of a batch',
    inputs: [random([3, 2, 4]), list([77], [], 'uint32'), list([5], [], 'uint32')],
    shapes: [['N', 'T', 4], [], []],
    build: (x, seed, firstRow) => dropout(x!, 0.4, seed!, { salt: 2, firstRow }),
    reference: (x, seed) =>
      nd([3, 2, 4], (i, t, j) => (keeps(5 + i!, 4 * t! + j!, seed!.at(), 2, 0.4) ? x!.at(i!, t!, j!) / 0.6 : 0)),
  },
]
