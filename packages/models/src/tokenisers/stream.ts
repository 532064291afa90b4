/** The character that stands for bytes that are no UTF-8, among them the first bytes of a character still to come. */
const replacement = '\uFFFD'

/**
 * Decodes tokens as they are generated. What was emitted never changes, and half a character is never emitted: a
 * replacement character at the end is held back until the next token decides what it becomes. Each token is decoded
 * together with the ones since the last token that ended a character, so that spaces come out as in the whole text.
 */
export class DecodeStream {
  /** Tokens already emitted that give the next ones their context, then tokens that are not yet emitted as a whole. */
  private window: number[] = []
  private context = 0
  private emitted = 0

  /** @param decode the text of tokens; `keep` says of a token whether it is decoded at all */
  constructor(
    private readonly decode: (ids: readonly number[]) => string,
    private readonly keep: (id: number) => boolean,
  ) {}

  /** Takes the next tokens and returns the text that is now certain: often one word, sometimes ''. */
  push(...ids: readonly number[]): string {
    let out = ''
    for (const id of ids) if (this.keep(id)) out += this.take(id)
    return out
  }

  /** Ends the text: returns what was held back. */
  end(): string {
    const rest = this.rest()
    this.window = []
    this.context = 0
    this.emitted = 0
    return rest
  }

  private take(id: number): string {
    this.window.push(id)
    const rest = this.rest()
    const whole = !rest.endsWith(replacement)
    const text = whole ? rest : rest.slice(0, -1)
    this.emitted += text.length
    if (whole && text !== '') {
      this.window = this.window.slice(this.context)
      this.context = this.window.length
      this.emitted = 0
    }
    return text
  }

  /** The text of the window without that of its context and without what was emitted. */
  private rest(): string {
    const before = this.decode(this.window.slice(0, this.context)).length
    return this.decode(this.window).slice(before + this.emitted)
  }
}
