import { NnError } from '../errors.js'

/** A named stretch of a sequence: from `start` up to, not including, `end`. */
export interface Span {
  readonly kind: string
  readonly start: number
  readonly end: number
}

/** `bio`: B begins a span, I goes on with it. `bmes`: B, M … M, E of a longer one, S of a single step. O is outside. */
export type TagStyle = 'bio' | 'bmes'

/** What may stand before and after a tag. */
export interface LegalMoves {
  move(from: number, to: number): boolean
  start(tag: number): boolean
  end(tag: number): boolean
}

/** The tags of spans of some kinds, which of them may follow each other, and the way from spans to tags and back. */
export class TagScheme implements LegalMoves {
  /** `O`, then the tags of each kind, such as `B-PER`, `I-PER`. */
  readonly tags: readonly string[]
  readonly #numbers: ReadonlyMap<string, number>

  constructor(
    readonly style: TagStyle,
    readonly kinds: readonly string[],
  ) {
    const parts = style === 'bio' ? ['B', 'I'] : ['B', 'M', 'E', 'S']
    this.tags = ['O', ...kinds.flatMap((kind) => parts.map((part) => `${part}-${kind}`))]
    this.#numbers = new Map(this.tags.map((tag, i) => [tag, i]))
  }

  /** The tags of a sequence of `length` steps. Throws NnError `bad-span` where spans overlap or reach beyond it. */
  encode(spans: readonly Span[], length: number): number[] {
    const tags = Array<number>(length).fill(0)
    for (const { kind, start, end } of spans) {
      const free = start >= 0 && start < end && end <= length && tags.slice(start, end).every((tag) => tag === 0)
      if (!free || !this.kinds.includes(kind))
        throw new NnError(
          'bad-span',
          `The span ${kind} from ${start} to ${end} does not fit: of an unknown kind, outside of ${length} steps, or over another`,
        )
      for (let i = start; i < end; i++) tags[i] = this.#numbers.get(`${this.#part(i, start, end)}-${kind}`)!
    }
    return tags
  }

  /** The spans of a sequence of tags; a tag that may not follow the one before it begins a new span. */
  spans(tags: ArrayLike<number>): Span[] {
    const spans: { kind: string; start: number; end: number }[] = []
    for (let i = 0; i < tags.length; i++) {
      const tag = tags[i]!
      if (tag === 0) continue
      const open = spans.at(-1)
      const goesOn = open?.end === i && this.#continues(tag) && this.move(tags[i - 1]!, tag)
      if (goesOn) open.end++
      else spans.push({ kind: this.#kind(tag), start: i, end: i + 1 })
    }
    return spans
  }

  move(from: number, to: number): boolean {
    if (this.style === 'bio') return this.#letter(to) !== 'I' || (from !== 0 && this.#kind(from) === this.#kind(to))
    const isOpen = 'BM'.includes(this.#letter(from))
    if (isOpen !== this.#continues(to)) return false
    return !isOpen || this.#kind(from) === this.#kind(to)
  }

  start(tag: number): boolean {
    return !this.#continues(tag)
  }

  end(tag: number): boolean {
    return this.style === 'bio' || !'BM'.includes(this.#letter(tag))
  }

  #part(i: number, start: number, end: number): string {
    if (this.style === 'bio') return i === start ? 'B' : 'I'
    if (end - start === 1) return 'S'
    return i === start ? 'B' : i === end - 1 ? 'E' : 'M'
  }

  #letter(tag: number): string {
    return this.tags[tag]![0]!
  }

  #kind(tag: number): string {
    return this.tags[tag]!.slice(2)
  }

  /** Whether the tag is inside of a span that began before. */
  #continues(tag: number): boolean {
    return 'IME'.includes(this.#letter(tag))
  }
}

/** Micro-averaged over all sequences: a span counts only with the right kind, start and end (CoNLL 2003). */
export function spanF1(
  found: readonly (readonly Span[])[],
  expected: readonly (readonly Span[])[],
): { precision: number; recall: number; f1: number } {
  let right = 0
  const count = (all: readonly (readonly Span[])[]) => all.reduce((sum, spans) => sum + spans.length, 0)
  found.forEach((spans, row) => {
    const known = new Set(expected[row]!.map(({ kind, start, end }) => `${start} ${end} ${kind}`))
    for (const { kind, start, end } of spans) if (known.has(`${start} ${end} ${kind}`)) right++
  })
  const precision = right / Math.max(1, count(found))
  const recall = right / Math.max(1, count(expected))
  return { precision, recall, f1: right === 0 ? 0 : (2 * precision * recall) / (precision + recall) }
}
