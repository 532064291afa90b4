import { Template } from '@huggingface/jinja'
import { ModelsError } from '../errors.js'

/** A message of a conversation. Templates read further keys, among them `tool_calls` and `name`. */
export interface ChatMessage {
  readonly role: string
  readonly content?: unknown
  readonly [key: string]: unknown
}

export interface ChatOptions {
  /** Ends the text where an answer of the assistant begins; false unless said otherwise. */
  readonly addGenerationPrompt?: boolean
  /** Descriptions of the functions that the assistant may call, as JSON schemas. */
  readonly tools?: readonly unknown[]
  /** Further values that the template reads, such as `enable_thinking`. */
  readonly values?: Readonly<Record<string, unknown>>
}

/** A range of characters or tokens: from `start` up to but not including `end`. */
export type Span = readonly [start: number, end: number]

/** A chat template: writes a conversation as one text, and knows which parts of it the assistant says. */
export class ChatTemplate {
  private readonly parsed = new Map<string, Template>()

  /**
   * @param sources templates by name; "default" is taken, or "tool_use" where there are tools
   * @param specials the texts of special tokens by their names in templates, such as `bos_token`
   */
  constructor(
    private readonly sources: Readonly<Record<string, string>>,
    private readonly specials: Readonly<Record<string, string>>,
  ) {}

  /** The text of a conversation. Throws ModelsError where there is no template or the template refuses the messages. */
  render(messages: readonly ChatMessage[], { addGenerationPrompt = false, tools, values }: ChatOptions = {}): string {
    const template = this.template(tools !== undefined)
    try {
      return template.render({
        ...this.specials,
        ...values,
        messages,
        tools: tools ?? null,
        documents: null,
        add_generation_prompt: addGenerationPrompt,
        counted_range: countedRange(),
      })
    } catch (cause) {
      const roles = messages.map((message) => message.role).join(', ') || 'no messages'
      const said = (cause as Error).message
      throw new ModelsError(
        'chat-refused',
        `The chat template refuses a conversation of ${roles}: ${said}`,
        { roles },
        { cause },
      )
    }
  }

  /**
   * Where the assistant's answers are in the text of a conversation, with the token that ends each, without the white
   * space after it. An answer goes from where the text of the messages before it ends, with the prompt for an answer,
   * to where the text up to it ends. Where a template writes earlier messages otherwise than last ones, the answer is
   * looked for by putting a mark in its place.
   */
  answers(messages: readonly ChatMessage[], options: ChatOptions = {}): Span[] {
    const text = this.render(messages, options)
    return messages.flatMap(({ role }, i) => {
      if (role !== 'assistant') return []
      const found = this.byPrefixes(text, messages, i, options) ?? this.byMark(text, messages, i, options)
      if (!found)
        throw new ModelsError(
          'chat-answers',
          `The answer in message ${i + 1} of ${messages.length} cannot be told from the rest of the text that the chat template makes; take a template that writes each message once and in order.`,
          { message: i },
        )
      return [[found[0], found[0] + text.slice(...found).trimEnd().length] as const]
    })
  }

  private byPrefixes(text: string, messages: readonly ChatMessage[], i: number, options: ChatOptions) {
    const before = this.attempt(messages.slice(0, i), { ...options, addGenerationPrompt: true })
    const upTo = this.attempt(messages.slice(0, i + 1), { ...options, addGenerationPrompt: false })
    if (before === undefined || upTo === undefined) return undefined
    const whole = text.startsWith(before) && text.startsWith(upTo) && upTo.length > before.length
    return whole ? ([before.length, upTo.length] as const) : undefined
  }

  private byMark(text: string, messages: readonly ChatMessage[], i: number, options: ChatOptions): Span | undefined {
    const marked = messages.with(i, { ...messages[i]!, content: mark })
    const [head, tail] = this.render(marked, options).split(mark)
    if (tail === undefined || !text.startsWith(head!) || !text.endsWith(tail)) return undefined
    const ends = this.attempt(marked.slice(0, i + 1), { ...options, addGenerationPrompt: false })?.split(mark)[1] ?? ''
    const end = text.length - tail.length
    return end < head!.length ? undefined : [head!.length, end + sharedLength(ends, tail)]
  }

  /** Some templates refuse conversations that are empty or end with the user. */
  private attempt(messages: readonly ChatMessage[], options: ChatOptions): string | undefined {
    try {
      return this.render(messages, options)
    } catch (error) {
      if (error instanceof ModelsError && error.code === 'chat-refused') return undefined
      throw error
    }
  }

  private template(tools: boolean): Template {
    const name = tools && this.sources['tool_use'] !== undefined ? 'tool_use' : 'default'
    const source = this.sources[name]
    if (source === undefined)
      throw new ModelsError(
        'chat-template-missing',
        'The tokeniser has no chat template (chat_template in tokenizer_config.json, or chat_template.jinja); take an instruction-tuned model, or give a template.',
      )
    let template = this.parsed.get(name)
    if (!template) {
      template = parse(source)
      this.parsed.set(name, template)
    }
    return template
  }
}

/** Numbers that the ranges of a template may have together. */
const mostNumbers = 100_000

/** Jinja's `range` for one text. A template comes with a model's files: it may not take all memory or time there is. */
function countedRange() {
  let left = mostNumbers
  return (first: number, second?: number, step = 1): number[] => {
    const [start, stop] = second === undefined ? [0, first] : [first, second]
    const length = Math.max(0, Math.ceil((stop - start) / step))
    left -= length
    if (!(left >= 0)) throw new Error(`its ranges have more than ${mostNumbers} numbers`)
    return Array.from({ length }, (_, i) => start + i * step)
  }
}

/** A character of the private use area that no text has. */
const mark = '\uE0F1'

function parse(source: string): Template {
  try {
    const template = new Template(source)
    template.parsed.body.unshift(...new Template('{% set range = counted_range %}').parsed.body)
    return template
  } catch (cause) {
    throw new ModelsError(
      'chat-template-broken',
      `The chat template is not valid Jinja: ${(cause as Error).message}`,
      {},
      { cause },
    )
  }
}

/** Templates as the files hold them: one text, or several with names. */
export function templateSources(chatTemplate: unknown): Record<string, string> {
  if (typeof chatTemplate === 'string') return { default: chatTemplate }
  if (!Array.isArray(chatTemplate)) return {}
  return Object.fromEntries(
    chatTemplate.flatMap((one) => (typeof one?.template === 'string' ? [[one.name, one.template]] : [])),
  )
}

/** How many elements two lists or texts share at their beginnings. */
export function sharedLength<T>(a: ArrayLike<T>, b: ArrayLike<T>): number {
  let length = 0
  while (length < a.length && length < b.length && a[length] === b[length]) length++
  return length
}
