import { products } from '@volant/models'
import type { BootstrapOptions } from './bootstrap.js'
import { meanOf } from './metric.js'
import { type VectorReport, vectorReport } from './vector-report.js'

/** Places that nDCG looks at. */
const DEPTH = 10

/** What a query is worth by the ranks of what belongs to it, 1 = first, in order. */
const values: Readonly<Record<string, (ranks: readonly number[]) => number>> = {
  mrr: ([first]) => 1 / first!,
  'hit@1': ([first]) => (first! <= 1 ? 1 : 0),
  'hit@5': ([first]) => (first! <= 5 ? 1 : 0),
  'hit@10': ([first]) => (first! <= 10 ? 1 : 0),
  [`ndcg@${DEPTH}`]: (ranks) => {
    const gain = ranks.reduce((sum, rank) => sum + (rank <= DEPTH ? discount(rank) : 0), 0)
    const best = ranks.reduce((sum, _, place) => sum + discount(place + 1), 0)
    return gain / best
  },
}

const discount = (rank: number) => 1 / Math.log2(rank + 1)

/**
 * How well vectors of queries find what belongs to them among vectors of candidates, all of length 1: mean reciprocal rank of the
 * first that belongs, share of queries with one among the first 1, 5, 10, and nDCG at 10 (Järvelin & Kekäläinen 2002). Of equal
 * candidates the earlier one counts as better. `relevant`: the candidates of each query, at least one. The intervals are those of
 * a bootstrap over queries.
 */
export function retrievalReport(
  queries: readonly Float32Array[],
  candidates: readonly Float32Array[],
  relevant: readonly (readonly number[])[],
  options: BootstrapOptions = {},
): VectorReport {
  const ranks = queries.map((query, i) => ranksOf(products(query, candidates), relevant[i]!))
  const each = Object.entries(values).map(([name, value]) => [name, meanOf(Float64Array.from(ranks, value))])
  return vectorReport(queries.length, options, Object.fromEntries(each))
}

/** Ranks of the most similar of what belongs to a query, as many as nDCG looks at, best first. */
function ranksOf(similarities: Float32Array, relevant: readonly number[]): number[] {
  const best = relevant.toSorted((a, b) => similarities[b]! - similarities[a]! || a - b).slice(0, DEPTH)
  return best.map((row) => {
    let rank = 1
    for (const [i, other] of similarities.entries())
      if (other > similarities[row]! || (other === similarities[row]! && i < row)) rank++
    return rank
  })
}
