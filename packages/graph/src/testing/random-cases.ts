import { dropout } from '../functions/layers.js'
import { list, nd, random } from './array.js'
import type { Case } from './case.js'

/** The hash of engine.md written with BigInt, beside the graph's uint32 ops and the table's Math.imul. */
const mask32 = 0xffffffffn

function finalise(value: bigint): bigint {
  let h = value & mask32
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & mask32
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & mask32
  return h ^ (h >> 16n)
}

const keeps = (index: number, seed: number, salt: number, p: number): boolean => {
  const own = BigInt(seed) ^ finalise(BigInt(salt + 1))
  return Number(finalise(((BigInt(index) * 0x9e3779b1n) & mask32) ^ own)) < Math.floor((1 - p) * 2 ** 32)
}

export const randomCases: Case[] = [0.1, 0.5].map((p) => ({
  name: `dropout of ${p}`,
  inputs: [random([5, 7]), list([3_000_000_019], [], 'uint32')],
  shapes: [['N', 7], []],
  build: (x, seed) => dropout(x!, p, seed!, 11),
  reference: (x, seed) => nd([5, 7], (i, j) => (keeps(i * 7 + j, seed!.at(), 11, p) ? x!.at(i, j) / (1 - p) : 0)),
}))
