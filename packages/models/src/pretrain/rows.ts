import { ModelsError } from '../errors.js'
import type { Tokeniser } from '../tokenisers/tokeniser.js'
import type { Corpus } from '../tokenisers/train/words.js'

export type TokenIds = Uint16Array | Uint32Array

/** The tokens of all texts, one text after the other. */
export interface PackedTexts {
  /** Each text is followed by `end`. */
  readonly ids: TokenIds
  readonly texts: number
}

/** Texts between two calls of `onProgress`. */
const stride = 1000

/**
 * Reads a corpus into one stream of token ids, two bytes each where the vocabulary allows it.
 * @param end the token after each text
 */
export async function packTexts(
  corpus: Corpus,
  tokeniser: Tokeniser,
  { end, onProgress }: { readonly end: number; readonly onProgress?: (texts: number) => void },
): Promise<PackedTexts> {
  const Ids = tokeniser.vocabularySize <= 65_536 ? Uint16Array : Uint32Array
  let ids: TokenIds = new Ids(65_536)
  let [length, texts] = [0, 0]
  for await (const text of corpus) {
    const own = tokeniser.encode(text, null, { special: false }).ids
    if (own.length === 0) continue
    if (length + own.length + 1 > ids.length) {
      const longer = new Ids(2 * (length + own.length + 1))
      longer.set(ids)
      ids = longer
    }
    ids.set(own, length)
    length += own.length
    ids[length++] = end
    if (++texts % stride === 0) onProgress?.(texts)
  }
  return { ids: ids.slice(0, length), texts }
}

/** Pieces of equal length of a stream of tokens. */
export class TokenRows {
  constructor(
    readonly ids: TokenIds,
    /** Tokens of a row. */
    readonly room: number,
    /** Where each row begins. */
    readonly starts: readonly number[],
  ) {}

  get count(): number {
    return this.starts.length
  }

  at(row: number): TokenIds {
    const start = this.starts[row]!
    return this.ids.subarray(start, start + this.room)
  }
}

/** One row of so many is kept apart to measure on, at most so many of them. */
const heldOut = { every: 20, most: 256 }

/**
 * Divides tokens into rows of `room`, each `step` after the one before; what is left at the end is not used.
 * @throws ModelsError `too-few-texts` where there is no whole row
 */
export function rowsOf({ ids, texts }: PackedTexts, room: number, step = room): TokenRows {
  const count = Math.floor((ids.length - room) / step) + 1
  if (count >= 1)
    return new TokenRows(
      ids,
      room,
      Array.from({ length: count }, (_, row) => row * step),
    )
  throw new ModelsError(
    'too-few-texts',
    ids.length === 0
      ? 'There is no text to learn from: the files hold none.'
      : `The texts are ${ids.length} tokens, less than one row of ${room}; give more texts, or a smaller context.`,
    { texts, tokens: ids.length, room },
  )
}

/**
 * Keeps every 20th row apart to validate on, at least one, at most 256, spread over all.
 * @throws ModelsError `too-few-texts` where nothing is left to learn from
 */
export function splitRows(rows: TokenRows): { readonly learnt: TokenRows; readonly held: TokenRows } {
  const { ids, room, starts, count } = rows
  if (count < 2)
    throw new ModelsError(
      'too-few-texts',
      `The texts are one row of ${room} tokens, which cannot be both learnt from and measured on; give more texts, a smaller context, or others to validate on.`,
      { rows: count, room },
    )
  const every = Math.max(heldOut.every, Math.ceil(count / heldOut.most))
  const isHeld = (row: number) => (count < every ? row === count - 1 : row % every === every - 1)
  const only = (held: boolean) =>
    new TokenRows(
      ids,
      room,
      starts.filter((_, row) => isHeld(row) === held),
    )
  return { learnt: only(false), held: only(true) }
}
