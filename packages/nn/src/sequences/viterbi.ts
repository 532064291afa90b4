/** The scores of a linear chain as numbers: from tag to tag (row by row), of the first and of the last tag. */
export interface ChainScores {
  readonly transitions: ArrayLike<number>
  readonly start: ArrayLike<number>
  readonly end: ArrayLike<number>
}

/**
 * The best tags of a sequence (Viterbi 1967) and their score. emissions: [steps, tags] row by row; of equal paths the one with the
 * lower tag. No steps: no tags, score 0.
 */
export function viterbi(emissions: ArrayLike<number>, chain: ChainScores): { tags: number[]; score: number } {
  const K = chain.start.length
  const steps = emissions.length / K
  if (steps === 0) return { tags: [], score: 0 }
  let scores = Float64Array.from({ length: K }, (_, tag) => chain.start[tag]! + emissions[tag]!)
  const cameFrom: Int32Array[] = []
  for (let t = 1; t < steps; t++) {
    const next = new Float64Array(K)
    const from = new Int32Array(K)
    for (let to = 0; to < K; to++) {
      let best = 0
      for (let tag = 1; tag < K; tag++)
        if (scores[tag]! + chain.transitions[tag * K + to]! > scores[best]! + chain.transitions[best * K + to]!)
          best = tag
      from[to] = best
      next[to] = scores[best]! + chain.transitions[best * K + to]! + emissions[t * K + to]!
    }
    cameFrom.push(from)
    scores = next
  }
  const final = scores.map((score, tag) => score + chain.end[tag]!)
  let tag = final.indexOf(Math.max(...final))
  const score = final[tag]!
  const tags = [tag]
  for (const from of cameFrom.reverse()) {
    tag = from[tag]!
    tags.push(tag)
  }
  return { tags: tags.reverse(), score }
}
