import { murmur3, VolantError } from '@volant/data'
import type { EmbeddingExamples } from '@volant/models'

/** One of so many examples is held out. */
const SHARE = 10

/**
 * Divides examples for training and measuring, a tenth held out: by the query of a pair, the first text of a scored pair, or the
 * labelled text, so that none is on both sides. The same seed holds out the same.
 */
export function holdOut<T extends EmbeddingExamples>(examples: T, seed: number): { learnt: T; held: T } {
  const keys = keysOf(examples)
  const isHeld = keys.map((key) => murmur3(key, seed) % SHARE === 0)
  const [learnt, held] = [only(examples, isHeld, false), only(examples, isHeld, true)]
  if (isHeld.includes(true) && isHeld.includes(false)) return { learnt, held }
  throw new VolantError(
    'too-few-rows',
    `Of ${new Set(keys).size} different texts none could be held out to measure by; give at least some tens.`,
  )
}

function keysOf(examples: EmbeddingExamples): readonly string[] {
  if (examples.kind === 'pairs') return examples.queries
  return examples.kind === 'scored' ? examples.first : examples.texts
}

/** The rows that are held, or the others. */
function only<T extends EmbeddingExamples>(examples: T, isHeld: readonly boolean[], held: boolean): T {
  const columns = Object.entries(examples).map(([name, column]) => [
    name,
    Array.isArray(column) ? column.filter((_, row) => isHeld[row] === held) : column,
  ])
  return Object.fromEntries(columns) as T
}
