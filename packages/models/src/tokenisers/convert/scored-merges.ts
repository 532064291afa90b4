/**
 * The merges of a SentencePiece BPE vocabulary, which keeps only scores: every division of a piece into two others, the
 * best-scored piece first; divisions of one piece in the order of their parts' ids.
 */
export function mergesOfScores(pieces: readonly string[], scores: ArrayLike<number>): [string, string][] {
  const ids = new Map(pieces.map((piece, id) => [piece, id]))
  const found: { parts: [string, string]; score: number; lengths: [number, number] }[] = []
  pieces.forEach((piece, id) => {
    const characters = Array.from(piece)
    const own: { parts: [string, string]; order: [number, number]; lengths: [number, number] }[] = []
    for (let at = 1; at < characters.length; at++) {
      const parts: [string, string] = [characters.slice(0, at).join(''), characters.slice(at).join('')]
      const order = parts.map((part) => ids.get(part))
      if (order[0] === undefined || order[1] === undefined) continue
      own.push({ parts, order: order as [number, number], lengths: [at, characters.length - at] })
    }
    own.sort((a, b) => a.order[0] - b.order[0] || a.order[1] - b.order[1])
    for (const { parts, lengths } of own) found.push({ parts, lengths, score: scores[id]! })
  })
  found.sort((a, b) => b.score - a.score || b.lengths[0] - a.lengths[0] || b.lengths[1] - a.lengths[1])
  return found.map(({ parts }) => parts)
}
