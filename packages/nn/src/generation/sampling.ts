import { NnError } from '../errors.js'
import type { Random } from '../random.js'

export interface SamplingOptions {
  /** Logits are divided by it; 0 takes the most likely token ("greedy"). Default 1. */
  readonly temperature?: number
  /** Only the k most likely tokens (Fan et al. 2018). */
  readonly topK?: number
  /** Only the most likely tokens that together reach this probability, in (0, 1] (Holtzman et al. 2020). */
  readonly topP?: number
  /** Tokens seen before lose by this factor, at least 1 (Keskar et al. 2019). */
  readonly repetitionPenalty?: number
}

/** Throws NnError `bad-sampling` naming the option. */
export function checkSampling(options: SamplingOptions): void {
  const { temperature = 1, topK = 1, topP = 1, repetitionPenalty = 1 } = options
  const refuse = (name: string, value: number, expected: string) => {
    throw new NnError('bad-sampling', `Generation: ${name} is ${value}, expected ${expected}`, { name, value })
  }
  if (!(temperature >= 0)) refuse('temperature', temperature, 'a number of at least 0')
  if (!(Number.isInteger(topK) && topK >= 1)) refuse('topK', topK, 'an integer of at least 1')
  if (!(topP > 0 && topP <= 1)) refuse('topP', topP, 'a number above 0 and at most 1')
  if (!(repetitionPenalty >= 1)) refuse('repetitionPenalty', repetitionPenalty, 'a number of at least 1')
}

/**
 * Draws a token by its logits [vocabulary]; `seen` are the tokens that the repetition penalty meets. Equal logits: the first wins.
 * Throws NnError `not-finite` where logits are no numbers.
 */
export function sampleToken(
  logits: Float32Array,
  options: SamplingOptions,
  random: Random,
  seen: Iterable<number> = [],
): number {
  const { temperature = 1, repetitionPenalty = 1 } = options
  if (logits.includes(Number.NaN))
    throw new NnError('not-finite', 'Generation: the logits are not numbers (NaN); weights or an adapter are damaged')
  const scores = penalise(logits, seen, repetitionPenalty)
  if (temperature === 0) return largestOf(scores)
  const tokens = candidates(scores, options)
  const top = scores[largestOf(scores)]!
  const shares = new Float64Array(tokens.length)
  for (let i = 0; i < tokens.length; i++) shares[i] = Math.exp((scores[tokens[i]!]! - top) / temperature)
  return tokens[draw(shares, random)]!
}

/** The tokens to draw from. Only scores are sorted, and the few tokens that are left: much faster than sorting a vocabulary. */
function candidates(
  scores: Float32Array,
  { temperature = 1, topK = scores.length, topP = 1 }: SamplingOptions,
): Int32Array {
  const all = new Int32Array(scores.length)
  for (let token = 0; token < all.length; token++) all[token] = token
  if (topK >= scores.length && topP === 1) return all
  const falling = scores.slice().sort().reverse().subarray(0, topK)
  const count = topP < 1 ? nucleusOf(falling, topP, temperature) : falling.length
  const least = falling[count - 1]!
  return all
    .filter((token) => scores[token]! >= least)
    .sort((a, b) => scores[b]! - scores[a]! || a - b)
    .subarray(0, count)
}

/** Positive logits are divided, negative ones multiplied, so that both fall. */
function penalise(logits: Float32Array, seen: Iterable<number>, penalty: number): Float32Array {
  if (penalty === 1) return logits
  const scores = logits.slice()
  for (const token of new Set(seen)) {
    const score = scores[token]!
    scores[token] = score > 0 ? score / penalty : score * penalty
  }
  return scores
}

/** How many of the falling scores it takes to reach the probability p of them all. */
function nucleusOf(falling: Float32Array, p: number, temperature: number): number {
  const shares = new Float64Array(falling.length)
  for (let i = 0; i < shares.length; i++) shares[i] = Math.exp((falling[i]! - falling[0]!) / temperature)
  const enough = p * shares.reduce((a, b) => a + b, 0)
  let sum = 0
  for (let i = 0; i < shares.length; i++) {
    sum += shares[i]!
    if (sum >= enough) return i + 1
  }
  return shares.length
}

function draw(shares: Float64Array, random: Random): number {
  let rest = random.uniform() * shares.reduce((a, b) => a + b, 0)
  for (let i = 0; i < shares.length; i++) {
    rest -= shares[i]!
    if (rest < 0) return i
  }
  // Rounding: the last one that can be drawn at all.
  return shares.findLastIndex((share) => share > 0)
}

/** Place of the first largest number. */
function largestOf(numbers: Float32Array): number {
  let best = 0
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[best]!) best = i
  return best
}
