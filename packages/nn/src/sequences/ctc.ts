/** log(e^a + e^b) */
const logAdd = (a: number, b: number): number => {
  const top = Math.max(a, b)
  return top === Number.NEGATIVE_INFINITY ? top : top + Math.log1p(Math.exp(Math.min(a, b) - top))
}

/** The labels of the likeliest class of each step, repeats and blanks left out. logProbabilities: [steps, classes] row by row. */
export function ctcGreedy(logProbabilities: ArrayLike<number>, classes: number, blank = 0): number[] {
  const labels: number[] = []
  let before = blank
  for (let from = 0; from < logProbabilities.length; from += classes) {
    let best = 0
    for (let c = 1; c < classes; c++) if (logProbabilities[from + c]! > logProbabilities[from + best]!) best = c
    if (best !== blank && best !== before) labels.push(best)
    before = best
  }
  return labels
}

/** A beginning of the answer, and the log-probabilities of the paths that spell it and end with a blank, or with its last label. */
interface Prefix {
  readonly labels: readonly number[]
  blank: number
  label: number
}

/**
 * The likeliest labels by prefix beam search (Hannun et al. 2014, arXiv:1408.2873), which adds up the paths that spell the same.
 * Returns up to `width` answers with their log-probabilities, best first.
 */
export function ctcBeam(
  logProbabilities: ArrayLike<number>,
  classes: number,
  { width = 10, blank = 0 } = {},
): { labels: number[]; logProbability: number }[] {
  const none = Number.NEGATIVE_INFINITY
  const total = (prefix: Prefix) => logAdd(prefix.blank, prefix.label)
  let beam: Prefix[] = [{ labels: [], blank: 0, label: none }]
  for (let from = 0; from < logProbabilities.length; from += classes) {
    const next = new Map<string, Prefix>()
    const reach = (labels: readonly number[]): Prefix => {
      const key = labels.join()
      const known = next.get(key) ?? { labels, blank: none, label: none }
      next.set(key, known)
      return known
    }
    for (const prefix of beam) {
      const last = prefix.labels.at(-1)
      const same = reach(prefix.labels)
      same.blank = logAdd(same.blank, total(prefix) + logProbabilities[from + blank]!)
      if (last !== undefined) same.label = logAdd(same.label, prefix.label + logProbabilities[from + last]!)
      for (let c = 0; c < classes; c++) {
        if (c === blank) continue
        // A label right after itself needs a blank between.
        const before = c === last ? prefix.blank : total(prefix)
        if (before === none) continue
        const longer = reach([...prefix.labels, c])
        longer.label = logAdd(longer.label, before + logProbabilities[from + c]!)
      }
    }
    beam = [...next.values()].sort((a, b) => total(b) - total(a)).slice(0, width)
  }
  return beam.map((prefix) => ({ labels: [...prefix.labels], logProbability: total(prefix) }))
}
