import { ModelsError } from '../errors.js'
import { keyOf, leastOf, type State, start } from './grammar.js'
import { type JsonSchema, schemaRule } from './json-schema.js'
import type { Vocabulary } from './vocabulary.js'

/** States whose tokens are kept, as the places of a text come again. */
const KEPT = 64

/** A JSON text as it is written token by token: says which tokens may come, so that it becomes whole and valid in time. */
export class JsonText {
  #state: State
  #left: number
  readonly #known = new Map<string, Int32Array>()

  /** At most `length` tokens, then one of `ends`. Throws ModelsError `bad-schema`, `schema-too-long`. */
  constructor(
    schema: JsonSchema,
    readonly vocabulary: Vocabulary,
    { ends, length }: { readonly ends: readonly number[]; readonly length: number },
  ) {
    const rule = schemaRule(schema)
    this.ends = ends
    this.#state = start(rule)
    this.#left = length
    if (rule.least > length)
      throw new ModelsError(
        'schema-too-long',
        `A text of the JSON schema has ${rule.least} bytes or more, but there is room for ${length} tokens; allow more tokens.`,
        { bytes: rule.least, tokens: length },
      )
  }

  readonly ends: readonly number[]

  /** The text is whole, and nothing can follow. */
  get isOver(): boolean {
    return this.#state.every((stack) => stack === undefined)
  }

  take(token: number): void {
    this.#state = this.vocabulary.after(this.#state, token)
    this.#left--
  }

  /** 1 for each token that may come next. A token is refused if the rest, a byte each, would not fit behind it. */
  mask(): Uint8Array {
    const leasts = this.#leasts()
    const mask = new Uint8Array(this.vocabulary.size)
    for (let token = 0; token < mask.length; token++)
      mask[token] = leasts[token]! >= 0 && leasts[token]! < this.#left ? 1 : 0
    if (leastOf(this.#state) === 0) for (const end of this.ends) mask[end] = 1
    if (mask.includes(1)) return mask
    throw new ModelsError('bad-schema', 'The tokeniser has no token for a character that the JSON schema asks for.')
  }

  #leasts(): Int32Array {
    const key = keyOf(this.#state, this.vocabulary.longest)
    let leasts = this.#known.get(key)
    if (leasts === undefined) {
      leasts = this.vocabulary.leasts(this.#state)
      if (this.#known.size === KEPT) this.#known.delete(this.#known.keys().next().value!)
      this.#known.set(key, leasts)
    }
    return leasts
  }
}
