import { words } from '@volant/data'

/** A run of letters, marks, digits and _, or any other visible character by itself. */
const piece = /[\p{L}\p{M}\p{N}_]+|[^\s\p{C}]/gu

/** Letters written without spaces between words: a run of them is segmented. */
const unspacedLetter =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}々〆ー]/u

/**
 * Words and punctuation of a text, lower-cased, in order. Marks such as "!" and "?" are pieces of their own: they carry
 * feeling and tell questions from statements.
 */
export function piecesOf(text: string): string[] {
  const found = text.toLowerCase().match(piece) ?? []
  return unspacedLetter.test(text) ? found.flatMap((run) => (unspacedLetter.test(run) ? words(run) : [run])) : found
}

const unspacedLetters = new RegExp(unspacedLetter.source, 'gu')

/** Whether at least a fifth of the characters are of a script written without spaces. */
export function isUnspaced(text: string): boolean {
  if (!unspacedLetter.test(text)) return false
  return (text.match(unspacedLetters)?.length ?? 0) * 5 >= text.length
}
