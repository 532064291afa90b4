import type { Normaliser } from '../normalisers.js'
import type { PreTokeniser } from '../pre-tokenisers.js'
import type { TrainingProgress } from './settings.js'

/** Lines of text. */
export type Corpus = Iterable<string> | AsyncIterable<string>

/** Different words and how often each occurs, in the order in which they were first met. */
export interface WordCounts {
  readonly words: readonly string[]
  readonly counts: readonly number[]
}

/** More different words than this are not kept: those met once so far are forgotten. */
const mostWords = 8_000_000

/** Counts the words that a pipeline makes of the lines of a corpus. */
export async function countWords(
  corpus: Corpus,
  normalise: Normaliser,
  preTokenise: PreTokeniser,
  onProgress?: (progress: TrainingProgress) => void,
): Promise<WordCounts> {
  let found = new Map<string, number>()
  let lines = 0
  for await (const line of corpus) {
    for (const word of preTokenise(normalise(line.toWellFormed()), true)) found.set(word, (found.get(word) ?? 0) + 1)
    if (found.size > mostWords) found = new Map([...found].filter(([, count]) => count > 1))
    if (++lines % 10_000 === 0) onProgress?.({ phase: 'words', done: lines })
  }
  onProgress?.({ phase: 'words', done: lines })
  return { words: [...found.keys()], counts: [...found.values()] }
}

/** The characters of words, the most frequent `limit` of them, in the order of their code points. */
export function alphabetOf({ words, counts }: WordCounts, limit = Number.POSITIVE_INFINITY): string[] {
  const found = new Map<string, number>()
  words.forEach((word, i) => {
    for (const character of word) found.set(character, (found.get(character) ?? 0) + counts[i]!)
  })
  const byPoint = [...found].sort(([a], [b]) => a.codePointAt(0)! - b.codePointAt(0)!)
  const kept = byPoint.length > limit ? byPoint.sort((a, b) => b[1] - a[1]).slice(0, limit) : byPoint
  return kept.map(([character]) => character).sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)
}
