import { words } from '@volant/data'
import type { CsrMatrix } from '@volant/nn'
import { bagColumn, RowsBuilder } from '../columns.js'
import type { EncodedColumn, Stream } from '../encoder.js'

/** What a sequence encoder learns: its tokens by id, from `firstToken` on. */
export interface TokensState {
  readonly tokens: readonly string[]
  /** Texts are cut here. */
  readonly longest: number
}

/** Id 0 pads, id 1 is a token not seen in training. */
const unknown = 1
const firstToken = 2
const mostTokens = 30_000

export const tokenStreams: readonly Stream[] = [
  { suffix: '.ids', dtype: 'int64', dims: ['n'], meaning: 'token, in order; 0 pads, 1 = unknown' },
  { suffix: '.weights', dtype: 'float32', dims: ['n'], meaning: '1 for a token, 0 where padded' },
]

const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]/u

/** Words; single characters in scripts written without spaces. */
export function tokensOf(text: string): string[] {
  return words(text).flatMap((word) => (unspaced.test(word) ? Array.from(word) : [word]))
}

/** Keeps the tokens seen in enough texts, the most frequent first. */
export function fitTokens(values: readonly (string | null)[], longest: number): TokensState {
  const counts = new Map<string, number>()
  let texts = 0
  for (const text of values) {
    if (text === null) continue
    texts++
    for (const token of new Set(tokensOf(text))) counts.set(token, (counts.get(token) ?? 0) + 1)
  }
  const least = texts >= 1000 ? 2 : 1
  const kept = [...counts].filter(([, count]) => count >= least)
  kept.sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
  return { tokens: kept.slice(0, mostTokens).map(([token]) => token), longest }
}

/** Rows of the embedding table. */
export const tableRows = (state: TokensState): number => state.tokens.length + firstToken

export function encodeTokens(values: readonly (string | null)[], state: TokensState): EncodedColumn {
  return bagColumn(rows(values, state))
}

const idsOf = new WeakMap<TokensState, Map<string, number>>()

function rows(values: readonly (string | null)[], state: TokensState): CsrMatrix {
  let ids = idsOf.get(state)
  if (!ids) {
    ids = new Map(state.tokens.map((token, place) => [token, place + firstToken]))
    idsOf.set(state, ids)
  }
  const builder = new RowsBuilder()
  for (const text of values) {
    const tokens = text === null ? [] : tokensOf(text).slice(0, state.longest)
    for (const token of tokens.length > 0 ? tokens : ['']) builder.push(ids.get(token) ?? unknown, 1)
    builder.endRow()
  }
  return builder.matrix(tableRows(state))
}
