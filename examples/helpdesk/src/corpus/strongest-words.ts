import type { Ticket } from './index.js'

/** How well one word alone finds one queue: "a mail with this word belongs there". */
export interface WordStrength {
  word: string
  queue: string
  /** Share of the mails with the word that belong to the queue. */
  precision: number
  /** Share of the queue's mails that have the word. */
  recall: number
  /** Harmonic mean of the two: 1 = the word is the answer. */
  f1: number
}

/** The strongest word of each queue, strongest queue first: what is left in the texts of the lists they came from. */
export function strongestWords(tickets: readonly Ticket[]): WordStrength[] {
  const sizes = new Map<string, number>()
  const counts = new Map<string, Map<string, number>>()
  for (const { queue, text } of tickets) {
    if (!queue) continue
    sizes.set(queue, (sizes.get(queue) ?? 0) + 1)
    for (const word of new Set(text.toLowerCase().match(/[\p{L}\p{N}_'+-]{2,}/gu))) {
      const byQueue = counts.get(word) ?? new Map<string, number>()
      byQueue.set(queue, (byQueue.get(queue) ?? 0) + 1)
      counts.set(word, byQueue)
    }
  }
  const best = new Map<string, WordStrength>()
  for (const [word, byQueue] of counts) {
    const all = [...byQueue.values()].reduce((sum, n) => sum + n, 0)
    for (const [queue, hits] of byQueue) {
      const size = sizes.get(queue) ?? 0
      const f1 = (2 * hits) / (all + size)
      if (f1 > (best.get(queue)?.f1 ?? 0))
        best.set(queue, { word, queue, precision: hits / all, recall: hits / size, f1 })
    }
  }
  return [...best.values()].sort((a, b) => b.f1 - a.f1)
}
