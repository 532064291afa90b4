import { ModelsError } from '../errors.js'
import { bytesOfCharacters } from '../tokenisers/byte-level.js'
import type { Component } from '../tokenisers/json.js'
import type { Tokeniser } from '../tokenisers/tokeniser.js'
import { leastOf, type State, step } from './grammar.js'

/** The tokens of a tokeniser as a trie over the bytes that they write. */
export class Vocabulary {
  /** Bytes of the longest token. */
  readonly longest: number
  readonly size: number
  /** Of each node: its byte, the first node below it, the next one beside it, and its tokens. The root is node 0. */
  readonly #bytes: number[] = [0]
  readonly #below: number[] = [0]
  readonly #beside: number[] = [0]
  readonly #tokens: (number[] | undefined)[] = [undefined]
  readonly #written: (readonly number[] | undefined)[]

  /** Throws ModelsError `tokens-not-bytes` where tokens do not say which bytes they write, or ASCII cannot be written one by one. */
  constructor(tokeniser: Tokeniser) {
    this.size = tokeniser.vocabularySize
    this.#written = writtenBytes(tokeniser)
    const children = new Map<number, number>()
    this.#written.forEach((bytes, token) => {
      if (bytes?.length) this.#add(bytes, token, children)
    })
    this.longest = this.#written.reduce((longest, bytes) => Math.max(longest, bytes?.length ?? 0), 0)
    for (let ascii = 0x20; ascii < 0x7f; ascii++)
      if (!this.#tokens[children.get(ascii) ?? 0])
        throw unsuitable(`has no token for ${JSON.stringify(String.fromCharCode(ascii))} alone`)
  }

  /** The state after a token. */
  after(state: State, token: number): State {
    return (this.#written[token] ?? []).reduce(step, state)
  }

  /** For every token how many bytes are left at least after it, -1 where it is not allowed. */
  leasts(state: State): Int32Array {
    const leasts = new Int32Array(this.size).fill(-1)
    const visit = (node: number, before: State) => {
      for (let child = this.#below[node]!; child > 0; child = this.#beside[child]!) {
        const after = step(before, this.#bytes[child]!)
        if (after.length === 0) continue
        for (const token of this.#tokens[child] ?? []) leasts[token] = leastOf(after)
        visit(child, after)
      }
    }
    visit(0, state)
    return leasts
  }

  #add(bytes: readonly number[], token: number, children: Map<number, number>): void {
    let node = 0
    for (const one of bytes) {
      const edge = node * 256 + one
      let child = children.get(edge)
      if (child === undefined) {
        child = this.#bytes.push(one) - 1
        this.#below.push(0)
        this.#beside.push(this.#below[node]!)
        this.#below[node] = child
        this.#tokens.push(undefined)
        children.set(edge, child)
      }
      node = child
    }
    this.#tokens[node] = [...(this.#tokens[node] ?? []), token]
  }
}

/** The bytes that each token writes; none for added tokens, which stand for no text. */
function writtenBytes({ files, tokens }: Tokeniser): (readonly number[] | undefined)[] {
  const { decoder, added_tokens } = files.tokenizer
  const parts = decoder?.type === 'Sequence' ? (decoder['decoders'] as Component[]) : [decoder]
  const has = (type: string) => parts.some((part) => part?.type === type)
  const added = new Set(added_tokens.map(({ id }) => id))
  if (!has('ByteLevel') && !has('ByteFallback')) throw unsuitable('does not write bytes')
  const read = has('ByteLevel') ? byteLevelBytes : fallbackBytes
  return Array.from(tokens, (token, id) => (token === undefined || added.has(id) ? undefined : read(token)))
}

function byteLevelBytes(token: string): number[] | undefined {
  const bytes = Array.from(token, (character) => bytesOfCharacters.get(character))
  return bytes.includes(undefined) ? undefined : (bytes as number[])
}

function fallbackBytes(token: string): number[] {
  const byte = /^<0x([0-9A-Fa-f]{2})>$/.exec(token)
  return byte ? [Number.parseInt(byte[1]!, 16)] : Array.from(Buffer.from(token.replaceAll('▁', ' ')))
}

const unsuitable = (why: string) =>
  new ModelsError(
    'tokens-not-bytes',
    `The tokeniser ${why}, so a text cannot be held to a JSON schema; take a model with a byte-level tokeniser or one with byte fallback.`,
  )
