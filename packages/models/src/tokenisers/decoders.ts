import { ModelsError } from '../errors.js'
import { bytesOfCharacters } from './byte-level.js'
import type { Component } from './json.js'
import { library } from './library.js'

/** Turns tokens into the pieces of text they stand for; joined they are the text. */
export type Decoder = (tokens: readonly string[]) => readonly string[]

/** The decoder that a tokenizer.json describes; without one, tokens are joined by spaces. */
export function decoder(component: Component | null): Decoder {
  if (component === null) return (tokens) => [tokens.join(' ')]
  const make = makers[component.type]
  if (!make)
    throw new ModelsError(
      'tokeniser-part',
      `The tokeniser has a decoder "${component.type}", which is not known; known are ${Object.keys(makers).join(', ')}.`,
      { type: component.type },
    )
  return make(component)
}

/** A decoder of the library, taken as it is. */
const taken =
  (name: 'BPEDecoder' | 'CTCDecoder' | 'FuseDecoder' | 'ReplaceDecoder' | 'StripDecoder' | 'WordPieceDecoder') =>
  (component: Component): Decoder => {
    const made = new library[name](component)
    return (tokens) => made.decode_chain([...tokens])
  }

const makers: Readonly<Record<string, (component: Component) => Decoder>> = {
  BPEDecoder: taken('BPEDecoder'),
  CTC: taken('CTCDecoder'),
  Fuse: taken('FuseDecoder'),
  Replace: taken('ReplaceDecoder'),
  Strip: taken('StripDecoder'),
  WordPiece: taken('WordPieceDecoder'),
  ByteLevel: () => byteLevelDecoder,
  ByteFallback: () => byteFallback,
  Metaspace: ({ replacement = '▁', prepend_scheme, add_prefix_space }) => {
    const drops = prepend_scheme === undefined ? add_prefix_space !== false : prepend_scheme !== 'never'
    return (tokens) => tokens.map((token, i) => token.replaceAll(String(replacement), i === 0 && drops ? '' : ' '))
  },
  Sequence: ({ decoders }) => {
    const steps = (decoders as Component[]).map(decoder)
    return (tokens) => steps.reduce((t, step) => step(t), tokens)
  },
}

const utf8 = new TextDecoder('utf-8', { ignoreBOM: true })

/** Characters that stand for bytes back to bytes; a token with other characters (an added one) is taken as it is. */
function byteLevelDecoder(tokens: readonly string[]): string[] {
  const bytes: number[] = []
  for (const token of tokens) {
    const known = Array.from(token, (character) => bytesOfCharacters.get(character))
    for (const byte of known.includes(undefined) ? Buffer.from(token) : (known as number[])) bytes.push(byte)
  }
  return [utf8.decode(Uint8Array.from(bytes))]
}

const byteToken = /^<0x([0-9A-Fa-f]{2})>$/

/** Runs of tokens <0xE4> become the text of their bytes. */
function byteFallback(tokens: readonly string[]): string[] {
  const out: string[] = []
  let run: number[] = []
  const flush = () => {
    if (run.length > 0) out.push(utf8.decode(Uint8Array.from(run)))
    run = []
  }
  for (const token of tokens) {
    const byte = byteToken.exec(token)
    if (byte) run.push(Number.parseInt(byte[1]!, 16))
    else {
      flush()
      out.push(token)
    }
  }
  flush()
  return out
}
