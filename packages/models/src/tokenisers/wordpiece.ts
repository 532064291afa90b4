import { ModelsError } from '../errors.js'
import type { WordPieceJson } from './json.js'
import type { SubwordModel } from './subword.js'

/** WordPiece: the longest piece that the rest of the word begins with, again and again; else the whole word is unknown. */
export class WordPieceModel implements SubwordModel {
  readonly idOf: ReadonlyMap<string, number>
  private readonly unknown: number
  private readonly longest: number

  constructor(private readonly json: WordPieceJson) {
    this.idOf = new Map(Object.entries(json.vocab))
    if (json.unk_token === undefined)
      throw new ModelsError(
        'tokeniser-no-unknown',
        'A WordPiece tokeniser needs an unknown token, and its tokenizer.json names none: set "model.unk_token".',
      )
    this.unknown = this.idOf.get(json.unk_token)!
    this.longest = [...this.idOf.keys()].reduce((longest, piece) => Math.max(longest, piece.length), 0)
  }

  encode(word: string): number[] {
    const { max_input_chars_per_word: most = 100, continuing_subword_prefix: prefix = '##' } = this.json
    if (word.length > most && [...word].length > most) return [this.unknown]
    const ids: number[] = []
    for (let start = 0; start < word.length; ) {
      let end = Math.min(word.length, start + this.longest)
      let id: number | undefined
      for (; end > start; end--) {
        id = this.idOf.get(start > 0 ? prefix + word.slice(start, end) : word.slice(start, end))
        if (id !== undefined) break
      }
      if (id === undefined) return [this.unknown]
      ids.push(id)
      start = end
    }
    return ids
  }
}
