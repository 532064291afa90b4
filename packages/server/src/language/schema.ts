import { z } from 'zod'

const model = z.string().min(1).max(200).meta({ description: 'One of GET /v1/models.' })
const part = z.looseObject({ type: z.string(), text: z.string().optional() })
const content = z.union([z.string(), z.array(part)], { error: 'expected a text or a list of parts' })
const message = z.looseObject({ role: z.string(), content: content.nullish() })
const stop = z.union([z.string().min(1).max(1000), z.array(z.string().min(1).max(1000)).max(16)], {
  error: 'expected a text or a list of at most 16, none of them empty',
})
const responseFormat = z.discriminatedUnion(
  'type',
  [
    z.looseObject({ type: z.literal('text') }),
    z.looseObject({ type: z.literal('json_object') }),
    z.looseObject({
      type: z.literal('json_schema'),
      json_schema: z.looseObject({ schema: z.record(z.string(), z.unknown()) }),
    }),
  ],
  { error: 'expected {"type": "text"}, "json_object" or "json_schema" with its json_schema' },
)
const tokens = z.int().min(1)

const sampling = {
  model,
  max_tokens: tokens.nullish().meta({ description: 'Most new tokens; default 1024, never more than fit.' }),
  temperature: z.number().min(0).max(2).nullish().meta({ description: '0: always the likeliest token. Default 1.' }),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(1).nullish().meta({ description: 'Draw from the likeliest tokens only.' }),
  repetition_penalty: z.number().min(1).max(10).nullish(),
  stop: stop.nullish(),
  seed: z.int().nullish().meta({ description: 'The same seed and request give the same text.' }),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
}

export const chatRequest = z.looseObject({
  ...sampling,
  messages: z.array(message).min(1).max(10_000),
  max_completion_tokens: tokens.nullish(),
  response_format: responseFormat.nullish(),
})
export type ChatRequest = z.output<typeof chatRequest>

export const completionRequest = z.looseObject({
  ...sampling,
  prompt: z.string({ error: 'expected a text; lists and token ids are not supported' }),
})
export type CompletionRequest = z.output<typeof completionRequest>

export const embeddingRequest = z.looseObject({
  model,
  input: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(2048)], {
    error: 'expected a text or a list of at most 2048 texts, none of them empty; token ids are not supported',
  }),
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: z.int().min(1).nullish(),
})
export type EmbeddingRequest = z.output<typeof embeddingRequest>

const usage = z.object({ prompt_tokens: z.number(), completion_tokens: z.number(), total_tokens: z.number() })
const finish = z.enum(['stop', 'length'])
const answer = { id: z.string(), created: z.number(), model: z.string(), usage }

export const chatCompletion = z
  .object({
    ...answer,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.object({
        index: z.number(),
        message: z.object({ role: z.literal('assistant'), content: z.string(), refusal: z.null() }),
        logprobs: z.null(),
        finish_reason: finish,
      }),
    ),
  })
  .meta({ id: 'ChatCompletion', description: 'With "stream": true, chat.completion.chunk as server-sent events.' })

export const completion = z
  .object({
    ...answer,
    object: z.literal('text_completion'),
    choices: z.array(
      z.object({ index: z.number(), text: z.string(), logprobs: z.null(), finish_reason: finish.nullable() }),
    ),
  })
  .meta({ id: 'Completion' })

export const embeddings = z
  .object({
    object: z.literal('list'),
    model: z.string(),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        index: z.number(),
        embedding: z.union([z.array(z.number()), z.string()]).meta({ description: 'base64: little-endian float32.' }),
      }),
    ),
    usage: usage.omit({ completion_tokens: true }),
  })
  .meta({ id: 'Embeddings' })

export const hostedModel = z
  .object({
    id: z.string(),
    object: z.literal('model'),
    created: z.number(),
    owned_by: z.string(),
    parent: z.string().nullable().meta({ description: 'The model whose weights an adapter shares.' }),
  })
  .meta({ id: 'LanguageModel' })
export const hostedModels = z.object({ object: z.literal('list'), data: z.array(hostedModel) })

export const tokenUses = z.object({
  items: z.array(
    z.object({
      channel: z.string(),
      key: z.string().nullable().meta({ description: 'Id of the key; null where none was needed.' }),
      model: z.string(),
      day: z.string(),
      predictions: z.number().meta({ description: 'Texts written or embedded: what the quota counts.' }),
      promptTokens: z.number(),
      completionTokens: z.number(),
    }),
  ),
})

export const openAiErrorSchema = z
  .object({
    error: z.object({ message: z.string(), type: z.string(), param: z.string().nullable(), code: z.string() }),
  })
  .meta({ id: 'OpenAiError', description: "A refusal in the shape of OpenAI's API." })
