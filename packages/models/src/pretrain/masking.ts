import type { Random } from '@volant/nn'
import { ModelsError } from '../errors.js'
import type { Tokeniser } from '../tokenisers/tokeniser.js'
import type { TokenIds } from './rows.js'

/** What masking knows of a vocabulary. */
export interface MaskTokens {
  readonly mask: number
  /** The tokens that may stand in for another: all that are not special. */
  readonly ordinary: Int32Array
  /** 1 for the tokens that are never masked. */
  readonly special: Uint8Array
  /** 1 for the tokens that go on with the word before. */
  readonly continues: Uint8Array
}

/** How many of the tokens are chosen, and of these become the mask or any other token; the others stay. */
export interface MaskShares {
  readonly chosen: number
  readonly mask: number
  readonly random: number
}

/** As BERT does (Devlin et al. 2019, 3.1). */
const bertShares: MaskShares = { chosen: 0.15, mask: 0.8, random: 0.1 }

/** As ELECTRA does (Clark et al. 2020). */
export const electraShares: MaskShares = { chosen: 0.15, mask: 1, random: 0 }

/** @throws ModelsError `no-mask-token` */
export function maskTokens(tokeniser: Tokeniser): MaskTokens {
  const { special, tokens, files } = tokeniser
  if (special.mask === undefined)
    throw new ModelsError(
      'no-mask-token',
      'The tokeniser has no mask token such as [MASK] or <mask>, which masked language models learn with; take a base with one.',
    )
  const specials = new Set(files.tokenizer.added_tokens.filter((token) => token.special).map(({ id }) => id))
  const goesOn = continuing(tokens)
  return {
    mask: special.mask,
    ordinary: Int32Array.from(tokens.keys()).filter((id) => tokens[id] !== undefined && !specials.has(id)),
    special: Uint8Array.from(tokens, (_, id) => Number(specials.has(id))),
    continues: Uint8Array.from(tokens, (token, id) =>
      Number(token !== undefined && !specials.has(id) && goesOn(token)),
    ),
  }
}

/**
 * WordPiece marks the pieces that go on, byte-level BPE and unigram those that a space stands before. Round punctuation words end
 * in any case.
 */
function continuing(tokens: readonly (string | undefined)[]): (token: string) => boolean {
  if (tokens.some((token) => token?.startsWith('##'))) return (token) => token.startsWith('##')
  // Space, newline, carriage return and tab of byte-level BPE, space of unigram, punctuation of ASCII.
  return (token) => !/^[ĠĊčĉ▁!-/:-@[-`{-~]/.test(token)
}

/**
 * Chooses whole words of a row until 15 % of its tokens are chosen; a word that would go beyond is passed over, as in BERT's own
 * program. At least one token is chosen where one is not special.
 */
export function maskWords(
  row: TokenIds | Int32Array,
  { mask, ordinary, special, continues }: MaskTokens,
  random: Random,
  shares: MaskShares = bertShares,
): { readonly ids: Int32Array; readonly places: readonly number[] } {
  const ids = Int32Array.from(row)
  const words = wordsOf(ids, special, continues)
  const tokens = words.reduce((sum, [start, end]) => sum + end - start, 0)
  const budget = Math.max(1, Math.round(shares.chosen * tokens))
  const places: number[] = []
  for (const word of random.permutation(words.length)) {
    const [start, end] = words[word]!
    if (places.length + end - start > budget) continue
    for (let place = start; place < end; place++) places.push(place)
  }
  if (places.length === 0 && words.length > 0) places.push(words[0]![0])
  places.sort((a, b) => a - b)
  for (const place of places) {
    const drawn = random.uniform()
    if (drawn < shares.mask) ids[place] = mask
    else if (drawn < shares.mask + shares.random) ids[place] = ordinary[random.integer(ordinary.length)]!
  }
  return { ids, places }
}

/** The words of a row as [start, end). */
function wordsOf(ids: Int32Array, special: Uint8Array, continues: Uint8Array): [start: number, end: number][] {
  const words: [number, number][] = []
  ids.forEach((id, place) => {
    if (special[id]) return
    const last = words.at(-1)
    if (continues[id] && last?.[1] === place) last[1]++
    else words.push([place, place + 1])
  })
  return words
}
