import { Jieba } from '@node-rs/jieba'
import { dict } from '@node-rs/jieba/dict.js'

export interface WordOptions {
  /** Lower-case the words; true by default. */
  lowerCase?: boolean
}

/** Letters, marks, digits and _ ; an apostrophe inside a word stays in it. Every character is looked at once. */
const word = /[\p{L}\p{M}\p{N}_]+(?:['’][\p{L}\p{M}\p{N}_]+)*/gu
const unspaced =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}々〆ー]/u
const unspacedRun =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}々〆ー]+|[\p{Script=Thai}\p{M}]+|[\p{Script=Lao}\p{M}]+|[\p{Script=Khmer}\p{M}]+|[\p{Script=Myanmar}\p{M}]+|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}々〆ー]).)+/gsu
const kana = /[\p{Script=Hiragana}\p{Script=Katakana}]/gu
const han = /\p{Script=Han}/gu

/** Intl.Segmenter grows slower with the string's length: give it pieces. */
const PIECE = 256

/**
 * The words of a text in order, without punctuation. Scripts written without spaces are segmented: Chinese by jieba,
 * Japanese, Thai, Lao, Khmer and Burmese by Intl.Segmenter (ICU). Linear in the text's length.
 */
export function words(text: string, { lowerCase = true }: WordOptions = {}): string[] {
  const found = (lowerCase ? text.toLowerCase() : text).match(word) ?? []
  if (!unspaced.test(text)) return found
  const chinese = !isJapanese(text)
  return found.flatMap((token) => (unspaced.test(token) ? segment(token, chinese) : token))
}

/** Japanese mixes kana with Han; a Chinese text may quote a little kana. */
function isJapanese(text: string): boolean {
  const kanas = text.match(kana)?.length ?? 0
  return kanas > 0 && kanas > 0.1 * (kanas + (text.match(han)?.length ?? 0))
}

const eastAsian = /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}々〆ー]/u

function segment(token: string, chinese: boolean): string[] {
  const tokens: string[] = []
  for (const run of token.match(unspacedRun) ?? []) {
    if (!unspaced.test(run)) tokens.push(run)
    else if (chinese && eastAsian.test(run)) for (const piece of pieces(run, 4096)) pushAll(tokens, cutChinese(piece))
    else for (const piece of pieces(run, PIECE)) pushAll(tokens, cutByIcu(piece))
  }
  return tokens
}

/** Spreading a long list into push() overflows the stack. */
function pushAll(tokens: string[], more: readonly string[]): void {
  for (const token of more) tokens.push(token)
}

let jieba: Jieba | undefined

function cutChinese(piece: string): string[] {
  jieba ??= Jieba.withDict(dict)
  return jieba.cut(piece, true)
}

let segmenter: Intl.Segmenter | undefined

function cutByIcu(piece: string): string[] {
  segmenter ??= new Intl.Segmenter('ja', { granularity: 'word' })
  return Array.from(segmenter.segment(piece), (part) => part.segment)
}

/** Cuts a run into pieces of at most `size` UTF-16 units, never inside a character or before a combining mark. */
function* pieces(run: string, size: number): Generator<string> {
  for (let start = 0; start < run.length; ) {
    let end = Math.min(run.length, start + size)
    while (end < run.length && end < start + size + 16 && /^[\p{M}\udc00-\udfff]/u.test(run.slice(end, end + 2))) end++
    yield run.slice(start, end)
    start = end
  }
}
