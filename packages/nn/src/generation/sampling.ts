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

/** Draws a token by its logits [vocabulary]; `seen` are the tokens that the repetition penalty meets. Equal logits: the first wins. */
export function sampleToken(
  logits: Float32Array,
  options: SamplingOptions,
  random: Random,
  seen: Iterable<number> = [],
): number {
  const { temperature = 1, topK = logits.length, topP = 1, repetitionPenalty = 1 } = options
  const scores = penalise(logits, seen, repetitionPenalty)
  if (temperature === 0) return largestOf(scores)
  const limited = topK < scores.length || topP < 1
  const order = Int32Array.from(scores, (_, token) => token)
  if (limited) order.sort((a, b) => scores[b]! - scores[a]! || a - b)
  const kept = order.subarray(0, topK)
  const top = limited ? scores[kept[0]!]! : scores[largestOf(scores)]!
  const shares = Float64Array.from(kept, (token) => Math.exp((scores[token]! - top) / temperature))
  const nucleus = topP < 1 ? nucleusOf(shares, topP) : shares.length
  return kept[draw(shares.subarray(0, nucleus), random)]!
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

/** How many of the falling shares it takes to reach the probability p. */
function nucleusOf(shares: Float64Array, p: number): number {
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
  return shares.length - 1
}

/** Place of the first largest number. */
function largestOf(numbers: Float32Array): number {
  let best = 0
  for (let i = 1; i < numbers.length; i++) if (numbers[i]! > numbers[best]!) best = i
  return best
}
