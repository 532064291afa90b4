const ORDERS = 4

/**
 * BLEU of a corpus in per cent (Papineni et al. 2002), as sacrebleu counts it: clipped n-grams of 1 to 4 tokens over all sentences,
 * brevity penalty, and where no n-gram of an order fits, its share is halved for each such order ("exp" smoothing, Chen and Cherry
 * 2014). One reference a sentence; by character, give characters without blanks. Throws when the numbers of sentences differ.
 */
export function corpusBleu(
  hypotheses: readonly (readonly string[])[],
  references: readonly (readonly string[])[],
): number {
  if (hypotheses.length !== references.length)
    throw new Error(`BLEU: ${hypotheses.length} hypotheses, but ${references.length} references`)
  const fitting = Array<number>(ORDERS).fill(0)
  const all = Array<number>(ORDERS).fill(0)
  hypotheses.forEach((hypothesis, i) => {
    for (let order = 1; order <= ORDERS; order++) {
      const right = countGrams(references[i]!, order)
      for (const [gram, count] of countGrams(hypothesis, order)) {
        fitting[order - 1]! += Math.min(count, right.get(gram) ?? 0)
        all[order - 1]! += count
      }
    }
  })
  if (fitting[0] === 0 || all.includes(0)) return 0
  let halved = 1
  const logarithms = fitting.map((count, i) => {
    if (count > 0) return Math.log(count / all[i]!)
    halved *= 2
    return Math.log(1 / (halved * all[i]!))
  })
  const lengthOf = (corpus: readonly (readonly string[])[]) => corpus.reduce((sum, { length }) => sum + length, 0)
  const brevity = Math.min(0, 1 - lengthOf(references) / lengthOf(hypotheses))
  return 100 * Math.exp(brevity + logarithms.reduce((a, b) => a + b) / ORDERS)
}

/** The characters of a text without blanks: tokens of BLEU by character. */
export const charactersOf = (text: string): string[] => [...text.replace(/\s+/g, '')]

function countGrams(tokens: readonly string[], order: number): Map<string, number> {
  const counts = new Map<string, number>()
  for (let i = 0; i + order <= tokens.length; i++) {
    const gram = tokens.slice(i, i + order).join('\u0000')
    counts.set(gram, (counts.get(gram) ?? 0) + 1)
  }
  return counts
}
