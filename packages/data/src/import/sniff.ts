import { CsvReader } from './csv.js'

const candidates = [',', '\t', ';', '|']

/**
 * The delimiter of a text from its first records: the candidate that splits the header and gives the most records as
 * many cells as the header; a comma when none splits the header. `preferred` wins ties.
 */
export function sniffDelimiter(sample: string, whole: boolean, preferred: string): string {
  let best = preferred
  let bestScore = -1
  for (const delimiter of [preferred, ...candidates.filter((other) => other !== preferred)]) {
    const score = agreement(sample, whole, delimiter)
    if (score > bestScore) [best, bestScore] = [delimiter, score]
  }
  return best
}

/** Share of records with as many cells as the header, 0 when the header is one cell. */
function agreement(sample: string, whole: boolean, delimiter: string): number {
  const counts: number[] = []
  const reader = new CsvReader(
    delimiter.charCodeAt(0),
    {
      record: (cells) => (cells.length > 1 || cells[0] !== '') && counts.push(cells.length),
      reject: () => counts.push(0),
    },
    { path: '', maxCell: Number.POSITIVE_INFINITY, maxColumns: Number.POSITIVE_INFINITY },
  )
  reader.feed(sample)
  if (whole) reader.finish()
  const header = counts[0] ?? 0
  if (header < 2) return 0
  return (1 + counts.filter((count) => count === header).length) / (1 + counts.length)
}
