import { ModelsError } from '../errors.js'
import type { UnigramJson } from './json.js'
import { byteTokens, type SubwordModel } from './subword.js'
import { codePoints, Trie } from './trie.js'

/** By how much an unknown character is less likely than the least likely piece (SentencePiece's kUnkPenalty). */
const unknownPenalty = 10

/** Unigram: the pieces whose probabilities have the largest product, by the Viterbi algorithm (Kudo 2018). */
export class UnigramModel implements SubwordModel {
  readonly idOf: ReadonlyMap<string, number>
  private readonly trie: Trie
  private readonly scores: Float64Array
  private readonly unknownScore: number
  private readonly bytes: readonly number[] | undefined

  constructor(private readonly json: UnigramJson) {
    this.idOf = new Map(json.vocab.map(([piece], id) => [piece, id]))
    this.scores = Float64Array.from(json.vocab, ([, score]) => score)
    this.unknownScore =
      this.scores.reduce((least, score) => Math.min(least, score), Number.POSITIVE_INFINITY) - unknownPenalty
    this.bytes = json.byte_fallback ? byteTokens(this.idOf) : undefined
    this.trie = new Trie(json.vocab.length * 4)
    json.vocab.forEach(([piece], id) => {
      this.trie.set(codePoints(piece), id)
    })
  }

  encode(word: string): number[] {
    const points = codePoints(word)
    const { ids, starts } = this.bestPath(points)
    const out: number[] = []
    let unknownFrom = -1
    for (let end = points.length; end > 0; end = starts[end]!) {
      const unknown = ids[end] === -1
      if (!unknown && unknownFrom >= 0) this.pushUnknown(out, points.subarray(end, unknownFrom))
      if (!unknown) out.push(ids[end]!)
      unknownFrom = unknown ? Math.max(unknownFrom, end) : -1
    }
    if (unknownFrom >= 0) this.pushUnknown(out, points.subarray(0, unknownFrom))
    return out.reverse()
  }

  /** For each end of the best path: the piece that ends there (-1: an unknown character) and where it starts. */
  private bestPath(points: Int32Array): { ids: Int32Array; starts: Int32Array } {
    const { trie, scores } = this
    const n = points.length
    const best = new Float64Array(n + 1).fill(Number.NEGATIVE_INFINITY)
    const ids = new Int32Array(n + 1).fill(-1)
    const starts = new Int32Array(n + 1)
    best[0] = 0
    for (let start = 0; start < n; start++) {
      const before = best[start]!
      let single = false
      for (let end = start, node = 0; end < n; ) {
        node = trie.child(node, points[end++]!)
        if (node < 0) break
        const id = trie.valueAt(node)
        if (id < 0) continue
        single ||= end === start + 1
        const score = before + scores[id]!
        if (score <= best[end]!) continue
        best[end] = score
        ids[end] = id
        starts[end] = start
      }
      if (single || before + this.unknownScore <= best[start + 1]!) continue
      best[start + 1] = before + this.unknownScore
      ids[start + 1] = -1
      starts[start + 1] = start
    }
    return { ids, starts }
  }

  /** A run of unknown characters, back to front: its bytes, or one unknown token. */
  private pushUnknown(out: number[], run: Int32Array): void {
    if (this.bytes) {
      const bytes = Buffer.from(textOf(run))
      for (const byte of bytes.reverse()) out.push(this.bytes[byte]!)
      return
    }
    if (this.json.unk_id == null)
      throw new ModelsError(
        'tokeniser-no-unknown',
        `The text has ${JSON.stringify(textOf(run.subarray(0, 8)))}, which the tokeniser's pieces do not cover, and its tokenizer.json names no "unk_id"; add an unknown piece.`,
      )
    out.push(this.json.unk_id)
  }
}

const textOf = (points: Int32Array) => Array.from(points, (point) => String.fromCodePoint(point)).join('')
