/** Divides a word into tokens of its vocabulary. */
export interface SubwordModel {
  readonly idOf: ReadonlyMap<string, number>
  /** The ids of a word's tokens. */
  encode(word: string): number[]
}

/** The ids of the tokens <0x00> … <0xFF>, or undefined where the vocabulary lacks one. */
export function byteTokens(idOf: ReadonlyMap<string, number>): number[] | undefined {
  const ids = Array.from({ length: 256 }, (_, byte) =>
    idOf.get(`<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`),
  )
  return ids.every((id) => id !== undefined) ? (ids as number[]) : undefined
}
