import { NnError } from '../errors.js'

export interface BeamOptions {
  /** Sequences followed at a time; 1 is greedy. Default 4. */
  readonly beams?: number
  /** Most tokens of a result. */
  readonly length: number
  /** alpha of the penalty ((5 + length) / 6)^alpha that scores are divided by (Wu et al. 2016); 0 favours short ones. Default 0.6. */
  readonly lengthPenalty?: number
  /** The token that ends a sequence. */
  readonly end: number
}

export interface Hypothesis {
  /** Without the end. */
  readonly tokens: readonly number[]
  /** Log-probability divided by the length penalty. */
  readonly score: number
}

/** What the search moves: sequences that grow by a token, and that are replaced by others of their batch. */
interface Sequences {
  next(tokens: readonly number[]): Promise<Float32Array[]>
  select(rows: readonly number[]): void
}

const impossible = Number.NEGATIVE_INFINITY

interface Beam {
  readonly tokens: readonly number[]
  readonly logProbability: number
}

/**
 * Beam search for a batch: `logits` are those after the first token of each of `batch` · `beams` sequences, the beams of one input
 * side by side. Resolves to each input's hypotheses, best first.
 */
export async function beamSearch(
  sequences: Sequences,
  logits: Float32Array[],
  options: BeamOptions,
): Promise<Hypothesis[][]> {
  const { beams = 4, length, lengthPenalty = 0.6, end } = options
  for (const [name, value] of Object.entries({ beams, length }))
    if (!(Number.isInteger(value) && value >= 1))
      throw new NnError('bad-beams', `Beam search: ${name} is ${value}, expected an integer of at least 1`, { name })
  const penalty = (tokens: number) => ((5 + tokens) / 6) ** lengthPenalty
  const batch = logits.length / beams
  const finished: Hypothesis[][] = Array.from({ length: batch }, () => [])
  // At first all beams of an input are the same, so only one of them may be continued.
  const start: readonly Beam[] = Array.from({ length: beams }, (_, i) => ({
    tokens: [],
    logProbability: i === 0 ? 0 : impossible,
  }))
  let open = Array.from({ length: batch }, (_, input) => ({ input, beams: start }))
  for (let made = 1; made <= length && open.length > 0; made++) {
    const rows: number[] = []
    const still: typeof open = []
    open.forEach(({ input, beams: present }, place) => {
      const own = logits.slice(place * beams, (place + 1) * beams)
      const next: { beam: Beam; row: number }[] = []
      for (const { from, token, logProbability } of continuations(present, own, 2 * beams)) {
        const tokens = present[from]!.tokens
        if (token === end) finished[input]!.push({ tokens, score: logProbability / penalty(made) })
        else if (next.length < beams)
          next.push({ beam: { tokens: [...tokens, token], logProbability }, row: place * beams + from })
      }
      const best = next[0]?.beam.logProbability ?? impossible
      finished[input] = finished[input]!.sort((a, b) => b.score - a.score).slice(0, beams)
      // No open beam can do better than its present probability over the penalty of the greatest length.
      const full = finished[input]!.length === beams && finished[input]!.at(-1)!.score >= best / penalty(length)
      if (full || next.length === 0 || made === length) {
        for (const { beam } of next)
          if (finished[input]!.length < beams)
            finished[input]!.push({ tokens: beam.tokens, score: beam.logProbability / penalty(beam.tokens.length) })
        return
      }
      // Fewer continuations than beams, as with few tokens: the rest stand idle.
      while (next.length < beams)
        next.push({ beam: { ...next[0]!.beam, logProbability: impossible }, row: next[0]!.row })
      rows.push(...next.map(({ row }) => row))
      still.push({ input, beams: next.map(({ beam }) => beam) })
    })
    open = still
    if (open.length === 0) break
    sequences.select(rows)
    logits = await sequences.next(open.flatMap(({ beams: present }) => present.map(({ tokens }) => tokens.at(-1)!)))
  }
  return finished.map((hypotheses) => hypotheses.sort((a, b) => b.score - a.score))
}

/** The most probable continuations of the beams by one token, best first. */
function continuations(present: readonly Beam[], logits: readonly Float32Array[], count: number) {
  const best: { from: number; token: number; logProbability: number }[] = []
  present.forEach(({ logProbability: before }, from) => {
    if (before === impossible) return
    const scores = logits[from]!
    const base = before - logSumExp(scores)
    for (let token = 0; token < scores.length; token++) {
      const logProbability = base + scores[token]!
      if (best.length === count && logProbability <= best.at(-1)!.logProbability) continue
      let at = best.length
      while (at > 0 && best[at - 1]!.logProbability < logProbability) at--
      best.splice(at, 0, { from, token, logProbability })
      if (best.length > count) best.pop()
    }
  })
  return best
}

function logSumExp(scores: Float32Array): number {
  const top = scores.reduce((a, b) => Math.max(a, b), impossible)
  return top + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0))
}
