import { newId } from '../store/index.js'
import type { Embedded, Written } from './messages.js'

interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
}

const usageOf = ({ promptTokens, tokens }: Pick<Written, 'promptTokens' | 'tokens'>): Usage => ({
  prompt_tokens: promptTokens,
  completion_tokens: tokens,
  total_tokens: promptTokens + tokens,
})

type Finish = 'stop' | 'length' | null

/** How one of the two routes that write texts puts its answers. */
export interface AnswerForm<Whole> {
  whole(text: string, written: Written): Whole
  /** The events of a stream: what comes first, a piece of text, the end. `usage` null: it comes in an event of its own. */
  first(): object | undefined
  piece(text: string): object
  last(written: Written): object
  usage(written: Written): object
}

/** What has not ended by itself was cut short. */
const finishOf = ({ ended }: Written): 'stop' | 'length' => (ended === 'stop' ? 'stop' : 'length')
const seconds = () => Math.floor(Date.now() / 1000)

/** Answers of /v1/chat/completions. */
export function chatForm(model: string, includeUsage: boolean) {
  const common = { id: `chatcmpl-${newId()}`, created: seconds(), model }
  const chunk = (delta: object, finish_reason: Finish) => ({
    ...common,
    object: 'chat.completion.chunk',
    choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    ...(includeUsage && { usage: null }),
  })
  return {
    whole: (content: string, written: Written) => ({
      ...common,
      object: 'chat.completion' as const,
      choices: [
        {
          index: 0,
          message: { role: 'assistant' as const, content, refusal: null },
          logprobs: null,
          finish_reason: finishOf(written),
        },
      ],
      usage: usageOf(written),
    }),
    first: () => chunk({ role: 'assistant', content: '' }, null),
    piece: (content: string) => chunk({ content }, null),
    last: (written: Written) => chunk({}, finishOf(written)),
    usage: (written: Written) => ({
      ...common,
      object: 'chat.completion.chunk',
      choices: [],
      usage: usageOf(written),
    }),
  } satisfies AnswerForm<unknown>
}

/** Answers of /v1/completions. */
export function completionForm(model: string, includeUsage: boolean) {
  const common = { id: `cmpl-${newId()}`, object: 'text_completion' as const, created: seconds(), model }
  const part = (text: string, finish_reason: Finish) => ({
    ...common,
    choices: [{ index: 0, text, logprobs: null, finish_reason }],
    ...(includeUsage && { usage: null }),
  })
  return {
    whole: (text: string, written: Written) => ({
      ...common,
      choices: [{ index: 0, text, logprobs: null, finish_reason: finishOf(written) }],
      usage: usageOf(written),
    }),
    first: () => undefined,
    piece: (text: string) => part(text, null),
    last: (written: Written) => part('', finishOf(written)),
    usage: (written: Written) => ({ ...common, choices: [], usage: usageOf(written) }),
  } satisfies AnswerForm<unknown>
}

/** The answer of /v1/embeddings: vectors as numbers or, in base64, as little-endian float32. */
export function embeddingAnswer(model: string, { vectors, tokens }: Embedded, base64: boolean) {
  return {
    object: 'list' as const,
    model,
    data: vectors.map((vector, index) => ({
      object: 'embedding' as const,
      index,
      embedding: base64 ? base64Of(vector) : Array.from(vector),
    })),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

function base64Of(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, at) => {
    bytes.writeFloatLE(value, at * 4)
  })
  return bytes.toString('base64')
}
