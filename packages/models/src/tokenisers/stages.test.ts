import { describe, expect, it } from 'vitest'
import { nastyStrings } from '../../test/nasty-strings.js'
import { askPython, python } from '../../test/python.js'
import type { Component } from './json.js'
import { normaliser } from './normalisers.js'
import { preTokeniser } from './pre-tokenisers.js'

const bert = (
  clean_text: boolean,
  handle_chinese_chars: boolean,
  strip_accents: boolean | null,
  lowercase: boolean,
) => ({
  type: 'BertNormalizer',
  clean_text,
  handle_chinese_chars,
  strip_accents,
  lowercase,
})
const strip = (strip_left: boolean, strip_right: boolean) => ({ type: 'Strip', strip_left, strip_right })

const normalisers: Component[] = [
  ...['NFC', 'NFD', 'NFKC', 'NFKD', 'Lowercase', 'StripAccents', 'ByteLevel'].map((type) => ({ type })),
  strip(true, true),
  strip(false, true),
  strip(false, false),
  { type: 'Prepend', prepend: '▁' },
  { type: 'Replace', pattern: { Regex: '\\s+' }, content: '$&' },
  { type: 'Replace', pattern: { String: 'a' }, content: '$0' },
  bert(true, false, true, false),
  bert(false, true, false, true),
  bert(true, true, null, true),
  { type: 'Sequence', normalizers: [{ type: 'NFD' }, { type: 'StripAccents' }] },
]

const split = (pattern: object, behavior: string, invert = false) => ({ type: 'Split', pattern, behavior, invert })
const metaspace = (prepend_scheme: string, splits: boolean) => ({
  type: 'Metaspace',
  replacement: '▁',
  prepend_scheme,
  split: splits,
})
const byteLevel = (add_prefix_space: boolean, use_regex: boolean) => ({
  type: 'ByteLevel',
  add_prefix_space,
  use_regex,
  trim_offsets: true,
})
/** Llama 3's pattern: groups without regard to case, classes, counts and lookahead. */
const llama3 =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"

const preTokenisers: Component[] = [
  ...['Whitespace', 'WhitespaceSplit', 'BertPreTokenizer'].map((type) => ({ type })),
  ...['Removed', 'Isolated', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext'].flatMap((behavior) => [
    { type: 'Punctuation', behavior },
    split({ Regex: '\\s|b' }, behavior),
    split({ String: 'a' }, behavior, true),
  ]),
  { type: 'Digits', individual_digits: true },
  { type: 'Digits', individual_digits: false },
  byteLevel(true, true),
  byteLevel(false, true),
  byteLevel(false, false),
  metaspace('always', true),
  metaspace('first', false),
  metaspace('never', true),
  { type: 'CharDelimiterSplit', delimiter: 'b' },
  split({ Regex: llama3 }, 'Isolated'),
  { type: 'Sequence', pretokenizers: [{ type: 'WhitespaceSplit' }, metaspace('first', true)] },
]

describe.skipIf(!python)(
  'stages beside the Python library (VOLANT_PARITY_PYTHON names a python with tokenizers)',
  () => {
    it('every normaliser and pre-tokeniser', () => {
      const texts = nastyStrings(400).filter(Boolean) // an empty text is not split at all
      const request = { normalisers, pre_tokenisers: preTokenisers, texts }
      const [normalised, words] = askPython<[string[][], string[][][]]>('stages.py', request)
      normalisers.forEach((component, i) => {
        expect(texts.map(normaliser(component)), JSON.stringify(component)).toEqual(normalised[i])
      })
      preTokenisers.forEach((component, i) => {
        const split = preTokeniser(component)
        expect(
          texts.map((text) => split(text, true)),
          JSON.stringify(component),
        ).toEqual(words[i])
      })
    })
  },
)
