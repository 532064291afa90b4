import { bestThreshold, labelReport, retrievalReport, scoreReport, type VectorReport } from '@volant/fields'
import { type LabelledTexts, products, type ScoredPairs, type TextPairs } from '@volant/models'
import type { Embed } from './open.js'

/** Finds the answers of queries among all answers, each text once. `others`: further answers. */
export async function measurePairs(
  embed: Embed,
  { queries, answers }: TextPairs,
  others: readonly string[] = [],
): Promise<VectorReport> {
  const candidates = places([...answers, ...others])
  const asked = new Map<string, Set<number>>()
  queries.forEach((query, row) => {
    const known = asked.get(query) ?? new Set()
    asked.set(query, known.add(candidates.get(answers[row]!)!))
  })
  const vectors = await embed([...asked.keys(), ...candidates.keys()])
  const relevant = Array.from(asked.values(), (rows) => [...rows])
  return retrievalReport(vectors.slice(0, asked.size), vectors.slice(asked.size), relevant)
}

/** Finds texts of the same label among known ones; labels that none of them has are left out. */
export async function measureLabelled(embed: Embed, asked: LabelledTexts, known: LabelledTexts): Promise<VectorReport> {
  const rows = new Map<string, number[]>()
  known.labels.forEach((label, row) => {
    const same = rows.get(label)
    if (same) same.push(row)
    else rows.set(label, [row])
  })
  const some = asked.labels.flatMap((label, row) => (rows.has(label) ? [row] : []))
  const vectors = await embed([...some.map((row) => asked.texts[row]!), ...known.texts])
  const relevant = some.map((row) => rows.get(asked.labels[row]!)!)
  return retrievalReport(vectors.slice(0, some.length), vectors.slice(some.length), relevant)
}

/**
 * Correlations with scores; where there are only two scores, how well the greater is told from the other, by the threshold that is
 * best on `valid`.
 */
export async function measureScored(embed: Embed, pairs: ScoredPairs, valid?: ScoredPairs): Promise<VectorReport> {
  const similarities = await similaritiesOf(embed, pairs)
  if (new Set(pairs.scores).size > 2) return scoreReport(similarities, pairs.scores)
  const greatest = Math.max(...new Set(pairs.scores))
  const labels = ({ scores }: ScoredPairs) => scores.map((score) => (score === greatest ? 1 : 0))
  const threshold = valid && bestThreshold(await similaritiesOf(embed, valid), labels(valid))
  return labelReport(similarities, labels(pairs), threshold)
}

async function similaritiesOf(embed: Embed, { first, second }: ScoredPairs): Promise<number[]> {
  const distinct = places([...first, ...second])
  const vectors = await embed([...distinct.keys()])
  const vectorOf = (text: string) => vectors[distinct.get(text)!]!
  return first.map((text, row) => products(vectorOf(text), [vectorOf(second[row]!)])[0]!)
}

/** Different texts and their places. */
function places(texts: readonly string[]): Map<string, number> {
  return new Map([...new Set(texts)].map((text, place) => [text, place]))
}
