import { type Row, randomStream, shuffledIndices, words } from '@volant/data'
import type { Outputs } from '../serve/index.js'
import type { Strategy } from './schema.js'

/** A row that could be asked about. */
export interface Candidate {
  inputs: Row
  output: Outputs[string]
}

/** Rows taken into account for spreading, per question asked. */
const WIDTH = 8
/** How much a question's likeness to those already chosen counts against its uncertainty. */
const SPREAD = 0.5
const DIMENSIONS = 256

/**
 * Which rows to ask about next, best first, as indices into `candidates`.
 * `uncertain`: smallest margin between the two most probable classes (Scheffer, Decomain and Wrobel 2001).
 * `diverse`: among the most uncertain ones, each next question is unlike those before it (maximal marginal relevance,
 * Carbonell and Goldstein 1998, over hashed words) and classes take turns. `random`: for comparison.
 */
export function chooseQuestions(
  candidates: Candidate[],
  { limit, strategy, seed }: { limit: number; strategy: Strategy; seed: number },
): number[] {
  if (strategy === 'random') return [...shuffledIndices(candidates.length, seed)].slice(0, limit)
  const uncertainty = candidates.map(({ output }) => uncertaintyOf(output))
  const noise = randomStream(seed)
  const ties = candidates.map(() => noise())
  const order = candidates.map((_, at) => at).sort((a, b) => uncertainty[b]! - uncertainty[a]! || ties[a]! - ties[b]!)
  if (strategy === 'uncertain') return order.slice(0, limit)
  return spread(candidates, order.slice(0, limit * WIDTH), uncertainty, limit)
}

/** 1 - (p of the most probable class - p of the second): 1 = undecided, 0 = sure. 0.5 where there are no probabilities. */
export function uncertaintyOf({ probabilities }: Outputs[string]): number {
  if (!probabilities) return 0.5
  let [first, second] = [0, 0]
  for (const p of Object.values(probabilities)) {
    if (p > first) [first, second] = [p, first]
    else if (p > second) second = p
  }
  return 1 - (first - second)
}

function spread(candidates: Candidate[], from: number[], uncertainty: number[], limit: number): number[] {
  const vectors = new Map(from.map((at) => [at, vectorOf(candidates[at]!.inputs)]))
  const likest = new Map(from.map((at) => [at, 0]))
  const asked = new Map<string, number>()
  const left = new Set(from)
  const chosen: number[] = []
  while (chosen.length < limit && left.size > 0) {
    let best = -1
    let bestScore = Number.NEGATIVE_INFINITY
    for (const at of left) {
      const turns = asked.get(String(candidates[at]!.output.value)) ?? 0
      const score = uncertainty[at]! - SPREAD * likest.get(at)! - (SPREAD * turns) / (chosen.length + 1)
      if (score > bestScore) [best, bestScore] = [at, score]
    }
    left.delete(best)
    chosen.push(best)
    const value = String(candidates[best]!.output.value)
    asked.set(value, (asked.get(value) ?? 0) + 1)
    for (const at of left) likest.set(at, Math.max(likest.get(at)!, dot(vectors.get(at)!, vectors.get(best)!)))
  }
  return chosen
}

/** Hashed words of all texts and values of a row, square-rooted counts, length 1. */
function vectorOf(inputs: Row): Float32Array {
  const vector = new Float32Array(DIMENSIONS)
  for (const [name, cell] of Object.entries(inputs)) {
    if (cell === null) continue
    const parts = typeof cell === 'string' ? words(cell.slice(0, 2000)) : [`${name}=${cell}`]
    for (const part of parts) vector[hash(part)]! += 1
  }
  let square = 0
  for (let at = 0; at < DIMENSIONS; at++) {
    vector[at] = Math.sqrt(vector[at]!)
    square += vector[at]! ** 2
  }
  const length = Math.sqrt(square) || 1
  return vector.map((value) => value / length)
}

/** FNV-1a over UTF-16 units. */
function hash(text: string): number {
  let value = 0x811c9dc5
  for (let at = 0; at < text.length; at++) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193)
  return (value >>> 0) % DIMENSIONS
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0
  for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!
  return sum
}
