import type { AddedToken } from './json.js'
import { codePoints, Trie } from './trie.js'

/** A part of a text: the id of the added token that it is, or a text to be tokenised. */
export type Section = { readonly id: number } | { readonly text: string; readonly start: number }

/** Finds added tokens in a text: the leftmost first, of those the longest. */
export class AddedTokens {
  private readonly trie: Trie
  private readonly firsts: ReadonlySet<number>

  /** `contents`: how each token is written in the texts to come, which normalisation may have changed. */
  constructor(
    private readonly tokens: readonly AddedToken[],
    contents: readonly string[],
  ) {
    this.trie = new Trie(contents.reduce((sum, content) => sum + content.length, 1))
    contents.forEach((content, i) => {
      if (content !== '') this.trie.set(codePoints(content), i)
    })
    this.firsts = new Set(contents.flatMap((content) => content.codePointAt(0) ?? []))
  }

  split(text: string): Section[] {
    if (this.firsts.size === 0) return text === '' ? [] : [{ text, start: 0 }]
    const sections: Section[] = []
    let done = 0
    for (let at = 0; at < text.length; ) {
      const found = this.find(text, at)
      if (!found) {
        at += text.codePointAt(at)! > 0xffff ? 2 : 1
        continue
      }
      const { token, end } = found
      if (!token.single_word || standsAlone(text, at, end)) {
        const from = token.lstrip ? Math.max(done, trimmedEnd(text, at)) : at
        if (from > done) sections.push({ text: text.slice(done, from), start: done })
        sections.push({ id: token.id })
        done = token.rstrip ? trimmedStart(text, end) : end
      }
      at = end
    }
    if (done < text.length) sections.push({ text: text.slice(done), start: done })
    return sections
  }

  private find(text: string, at: number): { token: AddedToken; end: number } | undefined {
    if (!this.firsts.has(text.codePointAt(at)!)) return undefined
    let found: { token: AddedToken; end: number } | undefined
    for (let node = 0, end = at; end < text.length; ) {
      const point = text.codePointAt(end)!
      node = this.trie.child(node, point)
      if (node < 0) break
      end += point > 0xffff ? 2 : 1
      const index = this.trie.valueAt(node)
      if (index >= 0) found = { token: this.tokens[index]!, end }
    }
    return found
  }
}

const word = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u

function standsAlone(text: string, start: number, end: number): boolean {
  const after = text.codePointAt(end)
  const before = codePoints(text.slice(Math.max(0, start - 2), start)).at(-1)
  return [before, after].every((point) => point === undefined || !word.test(String.fromCodePoint(point)))
}

const trimmedEnd = (text: string, end: number) => end - /\p{White_Space}*$/u.exec(text.slice(0, end))![0].length

const trimmedStart = (text: string, start: number) => start + /^\p{White_Space}*/u.exec(text.slice(start))![0].length
