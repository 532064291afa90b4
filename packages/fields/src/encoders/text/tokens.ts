import { embeddingBag, greater, mul, reshape, slice, squeeze, type Value } from '@volant/graph'
import { type Context, Dropout, Module, normal, Parameter } from '@volant/nn'
import type { EncodedColumn, Stream, Streams } from '../encoder.js'
import { gramHashes, hashOf } from './ngrams.js'
import { isUnspaced, piecesOf } from './pieces.js'

/** Fetching, summing and updating a number of a table's row, in multiply-adds of a matrix product. */
const lookupWork = 30

/** What a sequence encoder learns: its tokens by id, from `firstToken` on; the ids of n-grams follow. */
export interface TokensState {
  readonly tokens: readonly string[]
  /** Ids a token is made of: its own and those of its first character n-grams. */
  readonly slots: number
  /** Texts are cut after this many tokens. */
  readonly longest: number
}

const slotsOf = { spaced: 16, unspaced: 4 }
/** N-grams are hashed into this many ids. */
const buckets = 1 << 15
/** Id 0 pads, id 1 stands for all tokens rarer than `leastRows`. */
const unknown = 1
const firstToken = 2
const mostTokens = 30_000
/** From this many texts on, a token must be seen in two of them. */
const manyTexts = 500

export const tokenStreams = ({ slots }: TokensState): readonly Stream[] => [
  {
    suffix: '.ids',
    dtype: 'int64',
    dims: [`${slots}*tokens`],
    meaning: `${slots} ids a token: the token itself, then its character n-grams; 0 pads`,
  },
  { suffix: '.weights', dtype: 'float32', dims: [`${slots}*tokens`], meaning: 'weight of the id, 0 where padded' },
]

/** Learns which tokens get an id of their own: the most frequent. */
export function fitTokens(values: readonly (string | null)[], longest: number): TokensState {
  const counts = new Map<string, number>()
  let texts = 0
  let unspaced = 0
  for (const text of values) {
    if (text === null) continue
    texts++
    if (isUnspaced(text)) unspaced++
    for (const token of new Set(tokensOf(text).map(ownOf))) counts.set(token, (counts.get(token) ?? 0) + 1)
  }
  const least = texts >= manyTexts ? 2 : 1
  const kept = [...counts].filter(([, count]) => count >= least)
  kept.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
  const slots = unspaced * 2 > texts ? slotsOf.unspaced : slotsOf.spaced
  return { tokens: kept.slice(0, mostTokens).map(([token]) => token), slots, longest }
}

const part = '\0'
const ownOf = (token: string) => token.split(part, 1)[0]!

/**
 * The tokens of a text: words and punctuation; in scripts written without spaces single characters, each with the two
 * characters after it and the word it is in, separated by `part`.
 */
function tokensOf(text: string): string[] {
  const pieces = piecesOf(text)
  if (!isUnspaced(text)) return pieces
  const characters = pieces.map((piece) => (isUnspaced(piece) ? Array.from(piece) : [piece]))
  const all = characters.flat()
  let at = 0
  return characters.flatMap((some, place) =>
    some.map((character) => {
      at++
      if (!isUnspaced(character)) return character
      return [character, (all[at] ?? '').slice(0, 2), (all[at + 1] ?? '').slice(0, 2), pieces[place]].join(part)
    }),
  )
}

/** Hashes of the n-grams of a token. */
function gramsOf(token: string): Uint32Array {
  const [own, next, afterNext, word] = token.split(part)
  if (word === undefined) return gramHashes(`<${own}>`, [3, 5])
  return Uint32Array.from([`${own}${next}`, `${own}${next}${afterNext}`, `<${word}>`], hashOf)
}

/** Rows of the embedding table. */
const tableRows = (state: TokensState): number => firstToken + state.tokens.length + buckets

/** The texts as tokens, each `slots` ids wide; only batches are spelt out. */
export function encodeTokens(values: readonly (string | null)[], state: TokensState): EncodedColumn {
  const { slots } = state
  const speller = new Speller(state)
  const rows = values.map((text) => speller.read(text))
  return {
    rows: rows.length,
    length: (row) => rows[row]!.length,
    tensors(some = Int32Array.from(rows, (_, row) => row)) {
      const longest = some.reduce((most, row) => Math.max(most, rows[row]!.length), 1)
      const dims = [some.length, longest * slots]
      const ids = new BigInt64Array(some.length * longest * slots)
      const weights = new Float32Array(ids.length)
      some.forEach((row, place) => {
        rows[row]!.forEach((number, at) => {
          speller.write(number, (place * longest + at) * slots, ids, weights)
        })
      })
      return { '.ids': { dtype: 'int64', dims, data: ids }, '.weights': { dtype: 'float32', dims, data: weights } }
    },
  }
}

const ownIds = new WeakMap<TokensState, ReadonlyMap<string, number>>()

/** Ids of the learnt tokens, made once a state. */
function ownIdsOf(state: TokensState): ReadonlyMap<string, number> {
  let known = ownIds.get(state)
  if (!known) {
    known = new Map(state.tokens.map((token, place) => [token, place + firstToken]))
    ownIds.set(state, known)
  }
  return known
}

/** Spells tokens as ids; every distinct token is worked out once. */
class Speller {
  readonly #ownIds: ReadonlyMap<string, number>
  readonly #numbers = new Map<string, number>()
  readonly #spelt: Int32Array[] = []
  readonly #state: TokensState

  constructor(state: TokensState) {
    this.#state = state
    this.#ownIds = ownIdsOf(state)
  }

  /** Numbers of the text's tokens, to be given to `write`. */
  read(text: string | null): Int32Array {
    const tokens = text === null ? [] : tokensOf(text)
    return Int32Array.from(tokens.slice(0, this.#state.longest), (token) => {
      let number = this.#numbers.get(token)
      if (number === undefined) {
        number = this.#spelt.length
        this.#numbers.set(token, number)
        this.#spelt.push(this.#spell(token))
      }
      return number
    })
  }

  /** The token counts as much as all its n-grams together. */
  write(number: number, from: number, ids: BigInt64Array, weights: Float32Array): void {
    const spelt = this.#spelt[number]!
    const share = 1 / (spelt.length - 1)
    spelt.forEach((id, slot) => {
      ids[from + slot] = BigInt(id)
      weights[from + slot] = slot === 0 ? 1 : share
    })
  }

  #spell(token: string): Int32Array {
    const first = firstToken + this.#state.tokens.length
    const ids = [this.#ownIds.get(ownOf(token)) ?? unknown, ...gramsOf(token).map((hash) => first + (hash % buckets))]
    return Int32Array.from(ids.slice(0, this.#state.slots))
  }
}

export interface EmbeddedTokens {
  /** [batch, tokens, width] */
  readonly x: Value
  /** bool [batch, tokens], true where there is a token. */
  readonly mask: Value
}

/**
 * A token's vector is the sum of its own and the mean of its character n-grams', so that rare and misspelt words have
 * one too (Bojanowski et al., "Enriching word vectors with subword information", 2017). In training whole tokens are
 * dropped, then single numbers.
 */
export class TokenEmbedding extends Module<[streams: Streams], EmbeddedTokens> {
  readonly table: Parameter
  readonly tokenDropout: Dropout
  readonly dropout: Dropout
  /** Multiply-adds a token, or what costs as much. */
  readonly work: number
  readonly #slots: number

  constructor(
    state: TokensState,
    readonly width: number,
    { tokenDropout, dropout }: { tokenDropout: number; dropout: number },
  ) {
    super()
    this.table = new Parameter([tableRows(state), width], normal(0.1), true)
    this.tokenDropout = new Dropout(tokenDropout)
    this.dropout = new Dropout(dropout)
    this.#slots = state.slots
    this.work = state.slots * width * lookupWork
  }

  protected forward(context: Context, streams: Streams): EmbeddedTokens {
    const slots = this.#slots
    const ids = streams['.ids']!
    const batch = ids.shape[0]!
    const { rows, index } = context.lookup(this.table, ids)
    const weights = streams['.weights']!
    const sums = embeddingBag(rows, reshape(index, [-1, slots]), reshape(weights, [-1, slots]))
    const x = reshape(sums, [batch, -1, this.width])
    const own = slice(reshape(weights, [batch, -1, slots]), { axis: 2, end: 1 })
    const kept = mul(x, this.tokenDropout.apply(context, own))
    return { x: this.dropout.apply(context, kept), mask: greater(squeeze(own, 2), 0) }
  }
}
