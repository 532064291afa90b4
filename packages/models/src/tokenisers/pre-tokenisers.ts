import { ModelsError } from '../errors.js'
import { byteLevel, gpt2Pattern } from './byte-level.js'
import type { Component } from './json.js'
import { library } from './library.js'

/** Splits a text into words, within which the model works. `atStart`: the text begins where the whole text begins. */
export type PreTokeniser = (text: string, atStart: boolean) => string[]

/** The pre-tokeniser that a tokenizer.json describes. */
export function preTokeniser(component: Component | null): PreTokeniser {
  if (component === null) return (text) => [text]
  const make = makers[component.type]
  if (!make)
    throw new ModelsError(
      'tokeniser-part',
      `The tokeniser has a pre-tokeniser "${component.type}", which is not known; known are ${Object.keys(makers).join(', ')}.`,
      { type: component.type },
    )
  return make(component)
}

/** What becomes of the parts that match: Rust names of the standard file. */
type Behaviour = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous'

const makers: Readonly<Record<string, (component: Component) => PreTokeniser>> = {
  ByteLevel: (settings) => {
    const { add_prefix_space = true, use_regex = true } = settings
    const pattern = use_regex ? regularExpression(gpt2Pattern) : undefined
    return (text) => {
      if (add_prefix_space && !text.startsWith(' ')) text = ` ${text}`
      return (pattern ? split(text, pattern, 'Isolated') : [text]).map(byteLevel)
    }
  },
  Metaspace: ({ replacement = '▁', prepend_scheme, add_prefix_space, split: splits = true }) => {
    const mark = String(replacement)
    const scheme = prepend_scheme ?? (add_prefix_space === false ? 'never' : 'always')
    return (text, atStart) => {
      const prepends = scheme === 'always' || (scheme === 'first' && atStart)
      text = text.replaceAll(' ', mark)
      if (prepends && !text.startsWith(mark)) text = mark + text
      return splits ? split(text, literal(mark), 'MergedWithNext') : [text]
    }
  },
  Split: ({ pattern, behavior, invert }) => {
    const { String: text, Regex } = pattern as { String?: string; Regex?: string }
    const expression = text === undefined ? regularExpression(Regex!) : literal(text)
    return (input) => split(input, expression, behavior as Behaviour, Boolean(invert))
  },
  CharDelimiterSplit: ({ delimiter }) => splitting(literal(String(delimiter)), 'Removed'),
  BertPreTokenizer: () => (text) => text.match(bertWords) ?? [],
  Whitespace: () => (text) => text.match(words) ?? [],
  WhitespaceSplit: () => splitting(/\p{White_Space}/gu, 'Removed'),
  Punctuation: ({ behavior = 'Isolated' }) => splitting(punctuation, behavior as Behaviour),
  Digits: ({ individual_digits }) => splitting(/\p{N}/gu, individual_digits ? 'Isolated' : 'Contiguous'),
  Sequence: ({ pretokenizers }) => {
    const steps = (pretokenizers as Component[]).map(preTokeniser)
    return (text, atStart) => steps.reduce((words, step) => refine(words, step, atStart, text), [text])
  },
}

const marks = '\\p{P}$+<=>^`|~'
const punctuation = new RegExp(`[${marks}]`, 'gu')
const bertWords = new RegExp(`[${marks}]|[^\\p{White_Space}${marks}]+`, 'gu')
const letters = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}'
const words = new RegExp(`[${letters}]+|[^${letters}\\p{White_Space}]+`, 'gu')

function refine(words: readonly string[], step: PreTokeniser, atStart: boolean, text: string): string[] {
  const out: string[] = []
  words.forEach((word, i) => {
    for (const part of step(word, atStart && i === 0 && text.startsWith(word))) out.push(part)
  })
  return out
}

const literal = (text: string) => new RegExp(text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&'), 'gu')

/** A pattern of the reference implementation as JavaScript's: the library translates what the two understand differently. */
function regularExpression(pattern: string): RegExp {
  return new library.SplitPreTokenizer({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated' }).pattern
}

const splitting =
  (pattern: RegExp, behaviour: Behaviour): PreTokeniser =>
  (text) =>
    split(text, pattern, behaviour)

interface Part {
  text: string
  readonly matches: boolean
}

function split(text: string, pattern: RegExp, behaviour: Behaviour, invert = false): string[] {
  const parts = partsOf(text, pattern, invert)
  switch (behaviour) {
    case 'Removed':
      return parts.filter((part) => !part.matches).map((part) => part.text)
    case 'Isolated':
      return parts.map((part) => part.text)
    case 'Contiguous':
      return joined(parts, (before, part) => before.matches === part.matches)
    case 'MergedWithPrevious':
      return joined(parts, (before, part) => part.matches && !before.matches)
    case 'MergedWithNext':
      return joined(parts, (before, part) => before.matches && !part.matches)
  }
}

/** The text cut into parts that match and parts between them. */
function partsOf(text: string, pattern: RegExp, invert: boolean): Part[] {
  const parts: Part[] = []
  let end = 0
  const push = (from: number, to: number, matches: boolean) => {
    if (to > from) parts.push({ text: text.slice(from, to), matches: matches !== invert })
  }
  for (const { 0: match, index } of text.matchAll(pattern)) {
    push(end, index, false)
    push(index, index + match.length, true)
    end = index + match.length
  }
  push(end, text.length, false)
  return parts
}

/** Joins neighbours where `joins` says so of the two parts as they were. */
function joined(parts: readonly Part[], joins: (before: Part, part: Part) => boolean): string[] {
  const out: string[] = []
  parts.forEach((part, i) => {
    if (i > 0 && joins(parts[i - 1]!, part)) out[out.length - 1] += part.text
    else out.push(part.text)
  })
  return out
}
