import type { ChatMessage, JsonSchema } from '@volant/models'
import { refuse } from '../errors.js'
import type { EmbedTask, Sampling, WriteTask } from './messages.js'
import { checkParameters } from './parameters.js'
import {
  type ChatRequest,
  type CompletionRequest,
  chatRequest,
  completionRequest,
  type EmbeddingRequest,
  embeddingRequest,
} from './schema.js'

/** New tokens where a request names no limit. */
const USUAL_TOKENS = 1024
/** `developer` is a newer name of `system`. */
const roles: Readonly<Record<string, string>> = {
  system: 'system',
  developer: 'system',
  user: 'user',
  assistant: 'assistant',
}

/** What a chat request asks of a model. Throws `unsupported-parameter`, `bad-request`, naming the parameter. */
export function chatTask(body: ChatRequest): WriteTask {
  checkParameters(body, Object.keys(chatRequest.shape))
  const schema = schemaOf(body.response_format)
  const sampling = samplingOf(body, body.max_completion_tokens ?? body.max_tokens)
  return { kind: 'write', prompt: body.messages.map(messageOf), sampling: { ...sampling, ...(schema && { schema }) } }
}

/** What a completion request asks of a model. Throws as `chatTask` does. */
export function completionTask(body: CompletionRequest): WriteTask {
  checkParameters(body, Object.keys(completionRequest.shape))
  return { kind: 'write', prompt: body.prompt, sampling: samplingOf(body, body.max_tokens) }
}

/** What an embedding request asks of a model. Throws `unsupported-parameter`. */
export function embedTask(body: EmbeddingRequest): EmbedTask {
  checkParameters(body, Object.keys(embeddingRequest.shape))
  const { input, dimensions } = body
  return { kind: 'embed', texts: [input].flat(), ...(dimensions != null && { width: dimensions }) }
}

function samplingOf(body: CompletionRequest | ChatRequest, maxTokens: number | null | undefined): Sampling {
  const { temperature, top_p, top_k, repetition_penalty, stop, seed } = body
  return {
    maxTokens: maxTokens ?? USUAL_TOKENS,
    seed: seed ?? Math.floor(Math.random() * 2 ** 31),
    ...(temperature != null && { temperature }),
    ...(top_p != null && { topP: top_p }),
    ...(top_k != null && { topK: top_k }),
    ...(repetition_penalty != null && { repetitionPenalty: repetition_penalty }),
    ...(stop != null && { stop: [stop].flat() }),
  }
}

function schemaOf(format: ChatRequest['response_format']): JsonSchema | undefined {
  if (format?.type === 'json_schema') return format.json_schema.schema
  return format?.type === 'json_object' ? { type: 'object', additionalProperties: true } : undefined
}

function messageOf({ role, content, ...rest }: ChatRequest['messages'][number], at: number): ChatMessage {
  const known = Object.hasOwn(roles, role) ? roles[role] : undefined
  if (!known)
    throw refuse(
      'unsupported-parameter',
      `The role "${role.slice(0, 80)}" is not supported; expected one of ${Object.keys(roles).join(', ')}.`,
      { param: `messages[${at}].role` },
    )
  if (Array.isArray(rest['tool_calls']) && rest['tool_calls'].length > 0)
    throw refuse('unsupported-parameter', 'Calls of tools are not supported.', { param: `messages[${at}].tool_calls` })
  return { role: known, content: textOf(content, at) }
}

/** The text of a message, its parts put together. */
function textOf(content: ChatRequest['messages'][number]['content'], at: number): string {
  const param = `messages[${at}].content`
  if (content == null) throw refuse('bad-request', `Message ${at} has no content; expected a text.`, { param })
  if (typeof content === 'string') return content
  return content
    .map(({ type, text }, place) => {
      if (type === 'text' && text !== undefined) return text
      throw refuse(
        'unsupported-parameter',
        `Parts of the type "${type.slice(0, 80)}" are not supported; expected {"type": "text", "text": "…"}.`,
        { param: `${param}[${place}]` },
      )
    })
    .join('')
}
