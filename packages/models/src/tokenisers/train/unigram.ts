import { ModelsError } from '../../errors.js'
import type { UnigramJson } from '../json.js'
import { checkRoom } from './bpe.js'
import { eachWord, Lattice, type Pieces } from './lattice.js'
import { seedPieces } from './seeds.js'
import type { TokeniserTraining } from './settings.js'
import { type CharacterText, characterText } from './text.js'
import { alphabetOf, type WordCounts } from './words.js'

/** At most so many characters of different words are learnt from, the most frequent words first. */
const budget = 8_000_000
/** At most so many substrings are begun with. */
const mostSeeds = 1_000_000
/** Steps of expectation and maximisation between two prunings. */
const steps = 2
/** Which part of the pieces a pruning keeps. */
const shrinking = 0.75
/** Estimation ends with so much more than the vocabulary, of which the most probable pieces are kept. */
const surplus = 1.1
/** A piece that is expected less often is dropped. */
const leastExpected = 0.5

/**
 * Learns a unigram model (Kudo 2018): frequent substrings as pieces, their probabilities by expectation-maximisation, and
 * away with those whose loss costs the likelihood least, until the vocabulary is small enough. Single characters stay.
 */
export function learnUnigram(
  counted: WordCounts,
  specials: readonly string[],
  unknown: string,
  settings: TokeniserTraining,
): UnigramJson {
  const { vocabularySize, minFrequency = 2, onProgress } = settings
  const own = new Set(specials)
  const alphabet = alphabetOf(counted, settings.alphabetLimit).filter((character) => !own.has(character))
  checkRoom(settings, specials.length + alphabet.length, alphabet.length)
  const text = characterText(counted, alphabet, budget)
  if (text.counts.length === 0)
    throw new ModelsError('corpus-empty', 'The corpus has no words to learn pieces from; give it lines of text.')
  const wanted = vocabularySize - specials.length
  let pieces = seeded(text, minFrequency)
  for (;;) {
    const lattice = new Lattice(pieces)
    for (let step = 0; step < steps; step++) estimate(text, pieces, lattice)
    const left = pieces.scores.reduce((sum, score) => sum + (score > Number.NEGATIVE_INFINITY ? 1 : 0), 0)
    onProgress?.({ phase: 'pieces', done: left, total: wanted })
    if (left <= wanted * surplus) break
    pieces = pruned(text, pieces, lattice, Math.max(Math.floor(wanted * surplus), Math.floor(left * shrinking)))
  }
  const chosen = select(pieces, best(pieces), wanted).map(
    (id) => [textOf(pieces.texts[id]!, alphabet), pieces.scores[id]!] as const,
  )
  const sorted = chosen.filter(([piece]) => !own.has(piece)).sort((a, b) => b[1] - a[1])
  const vocab = [...specials.map((special) => [special, 0] as const), ...sorted]
  return { type: 'Unigram', unk_id: specials.indexOf(unknown), vocab, byte_fallback: false }
}

function seeded(text: CharacterText, minFrequency: number): Pieces {
  const seeds = seedPieces(text, minFrequency, mostSeeds)
  const weights = seeds.map(({ count, length }) => count * length)
  const total = Math.log(weights.reduce((sum, weight) => sum + weight, 0))
  return {
    texts: seeds.map(({ at, length }) => text.characters.subarray(at, at + length)),
    scores: Float64Array.from(weights, (weight) => Math.log(weight) - total),
  }
}

/** One step of expectation and maximisation, with the digamma function in place of the logarithm as a sparse prior. */
function estimate(text: CharacterText, { texts, scores }: Pieces, lattice: Lattice): void {
  const expected = new Float64Array(scores.length)
  eachWord(text, lattice, (count) => lattice.addExpected(expected, count))
  let sum = 0
  for (let id = 0; id < scores.length; id++) {
    if (texts[id]!.length === 1) expected[id] = Math.max(expected[id]!, leastExpected)
    if (expected[id]! >= leastExpected) sum += expected[id]!
  }
  const total = digamma(sum)
  for (let id = 0; id < scores.length; id++)
    scores[id] = expected[id]! < leastExpected ? Number.NEGATIVE_INFINITY : digamma(expected[id]!) - total
}

/** Keeps the `size` pieces whose loss would lower the likelihood most, were each replaced by its next best division. */
function pruned(text: CharacterText, pieces: Pieces, lattice: Lattice, size: number): Pieces {
  const used = new Float64Array(pieces.scores.length)
  eachWord(text, lattice, (count) => {
    for (const id of lattice.best()) used[id]! += count
  })
  const sum = used.reduce((total, count) => total + count, 0)
  const losses = pieces.texts.map((piece, id) => {
    if (piece.length === 1) return Number.POSITIVE_INFINITY
    if (used[id] === 0) return Number.NEGATIVE_INFINITY
    lattice.load(piece, 0, piece.length)
    const instead = lattice.best(id)
    const total = Math.log(sum + used[id]! * (instead.length - 1))
    const after = instead.reduce((score, other) => score + Math.log(used[other]! + used[id]!) - total, 0)
    return (used[id]! / sum) * (Math.log(used[id]!) - Math.log(sum) - after)
  })
  const kept = select(pieces, losses, size)
  return { texts: kept.map((id) => pieces.texts[id]!), scores: Float64Array.from(kept, (id) => pieces.scores[id]!) }
}

/** Single characters before all others, then by probability. */
const best = ({ texts, scores }: Pieces) =>
  texts.map((piece, id) => (piece.length === 1 ? Number.POSITIVE_INFINITY : scores[id]!))

/** The `size` pieces with the highest ranks, those left out that are gone, in the order that they had. */
function select({ scores }: Pieces, ranks: readonly number[], size: number): number[] {
  const there = Array.from(ranks.keys()).filter(
    (id) => ranks[id]! > Number.NEGATIVE_INFINITY && scores[id]! > Number.NEGATIVE_INFINITY,
  )
  const order = (a: number, b: number) => (ranks[a] === ranks[b] ? a - b : ranks[b]! - ranks[a]!)
  return there
    .sort(order)
    .slice(0, size)
    .sort((a, b) => a - b)
}

const textOf = (piece: Int32Array, alphabet: readonly string[]) =>
  Array.from(piece, (character) => alphabet[character]!).join('')

/** The derivative of the logarithm of the gamma function: recurrence up to 7, then its asymptotic series. */
function digamma(x: number): number {
  let result = 0
  for (; x < 7; x++) result -= 1 / x
  const y = x - 0.5
  const z = 1 / (y * y)
  return result + Math.log(y) + z * (1 / 24 - z * (7 / 960 - z * (31 / 8064 - (z * 127) / 30720)))
}
