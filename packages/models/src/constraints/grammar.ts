/** What may be written, byte by byte. `least` is the number of bytes that it takes at least. Made by the functions below. */
export type Rule = { readonly id: number; readonly least: number } & (
  | { readonly kind: 'byte'; readonly has: Uint8Array }
  | { readonly kind: 'sequence'; readonly parts: readonly Rule[] }
  | { readonly kind: 'choice'; readonly of: readonly Rule[] }
  | Repetition
)

interface Repetition {
  readonly kind: 'repetition'
  readonly of: Rule
  readonly min: number
  readonly max: number
  /** The id of the repetition that this is the rest of. */
  readonly family: number
  /** What is left after one time; made when it is needed. */
  rest?: Rule
}

let made = 0

/** One of these bytes: numbers, or ranges of them. */
export function byte(...ranges: readonly (number | readonly [from: number, to: number])[]): Rule {
  const has = new Uint8Array(256)
  for (const range of ranges) {
    const [from, to] = typeof range === 'number' ? [range, range] : range
    has.fill(1, from, to + 1)
  }
  return { id: made++, kind: 'byte', has, least: 1 }
}

export const sequence = (...parts: readonly Rule[]): Rule => ({
  id: made++,
  kind: 'sequence',
  parts,
  least: parts.reduce((sum, part) => sum + part.least, 0),
})

export const choice = (...of: readonly Rule[]): Rule => ({
  id: made++,
  kind: 'choice',
  of,
  least: of.reduce((least, rule) => Math.min(least, rule.least), Number.POSITIVE_INFINITY),
})

/** From `min` to `max` times; the rule must take a byte at least. */
export function repeated(of: Rule, min: number, max = Number.POSITIVE_INFINITY, family?: number): Rule {
  const id = made++
  return { id, kind: 'repetition', of, min, max, least: min * of.least, family: family ?? id }
}

export const optional = (rule: Rule): Rule => repeated(rule, 0, 1)

/** The UTF-8 bytes of a text. */
export const literal = (text: string): Rule => sequence(...Array.from(Buffer.from(text), (one) => byte(one)))

/** Rules that are still to be met, the next one first. */
interface Stack {
  readonly rule: Rule
  readonly next: Stack | undefined
  /** Bytes that it takes at least to meet them all. */
  readonly least: number
}

const push = (rule: Rule, next: Stack | undefined): Stack => ({ rule, next, least: rule.least + (next?.least ?? 0) })

/** All that may follow: stacks whose first rule is a byte; undefined among them where the text may end. */
export type State = readonly (Stack | undefined)[]

export function start(rule: Rule): State {
  const state: (Stack | undefined)[] = []
  open(push(rule, undefined), state)
  return state
}

/** The state after one more byte; empty where it is not allowed. */
export function step(state: State, next: number): State {
  const after: (Stack | undefined)[] = []
  for (const stack of state) if (stack?.rule.kind === 'byte' && stack.rule.has[next]) open(stack.next, after)
  return after
}

/** Bytes to the end at least. */
export const leastOf = (state: State): number =>
  state.reduce((least, stack) => Math.min(least, stack?.least ?? 0), Number.POSITIVE_INFINITY)

/**
 * States of the same key allow the same texts of up to `reach` bytes, and these leave the same least number of bytes: a repetition
 * that may go on beyond `reach` is told from the others of its family no more.
 */
export function keyOf(state: State, reach: number): string {
  const name = (rule: Rule) =>
    rule.kind === 'repetition' && rule.min === 0 && rule.max > reach ? `f${rule.family}` : String(rule.id)
  return state
    .map((stack) => {
      const names: string[] = []
      for (let at = stack; at; at = at.next) names.push(name(at.rule))
      return names.join()
    })
    .join('|')
}

/** Puts the stacks that begin with a byte into `state`. */
function open(stack: Stack | undefined, state: (Stack | undefined)[]): void {
  if (!stack || stack.rule.kind === 'byte') {
    state.push(stack)
    return
  }
  const { rule, next } = stack
  if (rule.kind === 'sequence')
    open(
      rule.parts.reduceRight((rest, part) => push(part, rest), next),
      state,
    )
  else if (rule.kind === 'choice') for (const one of rule.of) open(push(one, next), state)
  else {
    if (rule.min === 0) open(next, state)
    if (rule.max > 0) open(push(rule.of, rule.max > 1 ? push(restOf(rule), next) : next), state)
  }
}

function restOf(rule: Rule & Repetition): Rule {
  const { of, min, max, family } = rule
  if (min === 0 && max === Number.POSITIVE_INFINITY) return rule
  rule.rest ??= repeated(of, Math.max(0, min - 1), max - 1, family)
  return rule.rest
}
