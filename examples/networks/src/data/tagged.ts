import type { Span } from '@volant/nn'
import { readJsonLines } from './text.js'

/** A sentence and the named stretches in it. */
export interface Tagged {
  readonly tokens: readonly string[]
  readonly spans: readonly Span[]
}

/** Lines of JSON with `tokens` and BIO `tags`. */
export const readTagged = (file: string): Tagged[] =>
  readJsonLines<{ tokens: string[]; tags: string[] }>(file).map(({ tokens, tags }) => ({
    tokens,
    spans: spansOf(tags),
  }))

function spansOf(tags: readonly string[]): Span[] {
  const spans: { kind: string; start: number; end: number }[] = []
  tags.forEach((tag, i) => {
    if (tag === 'O') return
    const kind = tag.slice(2)
    const open = spans.at(-1)
    if (tag[0] === 'I' && open?.end === i && open.kind === kind) open.end++
    else spans.push({ kind, start: i, end: i + 1 })
  })
  return spans
}
