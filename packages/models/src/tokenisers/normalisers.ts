import { ModelsError } from '../errors.js'
import { byteLevel } from './byte-level.js'
import { charsmap } from './charsmap.js'
import type { Component } from './json.js'
import { library } from './library.js'

export type Normaliser = (text: string) => string

/** The normaliser that a tokenizer.json describes. */
export function normaliser(component: Component | null): Normaliser {
  if (component === null) return (text) => text
  const make = makers[component.type]
  if (!make)
    throw new ModelsError(
      'tokeniser-part',
      `The tokeniser has a normaliser "${component.type}", which is not known; known are ${Object.keys(makers).join(', ')}.`,
      { type: component.type },
    )
  return make(component)
}

const form = (name: 'NFC' | 'NFD' | 'NFKC' | 'NFKD') => (): Normaliser => (text) => text.normalize(name)

const makers: Readonly<Record<string, (component: Component) => Normaliser>> = {
  NFC: form('NFC'),
  NFD: form('NFD'),
  NFKC: form('NFKC'),
  NFKD: form('NFKD'),
  Lowercase: () => lowerCase,
  StripAccents: () => (text) => text.replace(/\p{M}/gu, ''),
  Strip: ({ strip_left, strip_right }) => {
    const spaces = [strip_left && '^\\p{White_Space}+', strip_right && '\\p{White_Space}+$'].filter(Boolean).join('|')
    return spaces ? (text) => text.replace(new RegExp(spaces, 'gu'), '') : (text) => text
  },
  Prepend:
    ({ prepend }) =>
    (text) =>
      text === '' ? text : `${prepend}${text}`,
  Replace: (component) => {
    const { pattern, content } = component as Component & { pattern: { String?: string; Regex?: string } }
    if (pattern.String !== undefined) return (text) => text.replaceAll(pattern.String!, () => String(content))
    const regex = new library.ReplaceNormalizer(component).pattern
    return (text) => text.replace(regex, () => String(content))
  },
  ByteLevel: () => byteLevel,
  Precompiled: ({ precompiled_charsmap }) =>
    precompiled_charsmap ? charsmap(Buffer.from(String(precompiled_charsmap), 'base64')) : (text) => text,
  BertNormalizer: bert,
  Sequence: ({ normalizers }) => {
    const steps = (normalizers as Component[]).map(normaliser)
    return (text) => steps.reduce((t, step) => step(t), text)
  },
}

/** Character by character as the reference does it: a sigma at the end of a word becomes σ, not ς. */
const lowerCase: Normaliser = (text) => text.replaceAll('\u03A3', '\u03C3').toLowerCase()

/** The ranges that BERT's reference code takes for Chinese characters. */
const chinese =
  /[\u{4E00}-\u{9FFF}\u{3400}-\u{4DBF}\u{20000}-\u{2A6DF}\u{2A700}-\u{2B73F}\u{2B740}-\u{2B81F}\u{2B920}-\u{2CEAF}\u{F900}-\u{FAFF}\u{2F800}-\u{2FA1F}]/gu

/** BERT's: control characters away, white space to spaces, spaces round Chinese characters, accents away, lower case. */
function bert({ clean_text, handle_chinese_chars, strip_accents, lowercase }: Component): Normaliser {
  const accents = strip_accents ?? lowercase
  return (text) => {
    if (clean_text)
      text = text.replace(/[\0\uFFFD]|(?![\t\n\r])[\p{Cc}\p{Cf}\p{Co}]/gu, '').replace(/\p{White_Space}/gu, ' ')
    if (isAscii(text)) return lowercase ? text.toLowerCase() : text
    if (handle_chinese_chars) text = text.replace(chinese, ' $& ')
    if (accents) text = text.normalize('NFD').replace(/\p{Mn}/gu, '')
    return lowercase ? lowerCase(text) : text
  }
}

const isAscii = (text: string) => /^[ -~]*$/.test(text)
