import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { App } from '../api.js'
import type { Problem } from '../errors.js'
import { time } from '../schema.js'
import { type AnswerForm, chatForm, completionForm, embeddingAnswer } from './answers.js'
import type { WriteTask } from './messages.js'
import { openAiError } from './openai-error.js'
import { chatTask, completionTask, embedTask } from './requests.js'
import {
  type ChatRequest,
  type CompletionRequest,
  chatCompletion,
  chatRequest,
  completion,
  completionRequest,
  embeddingRequest,
  embeddings,
  hostedModel,
  hostedModels,
  openAiErrorSchema,
  tokenUses,
} from './schema.js'
import type { LanguageService } from './service.js'
import { EventStream, goneSignal } from './stream.js'

const tags = ['language']

interface Parts {
  service: LanguageService
  /** The problem document of an error, as callers may see it. */
  problemOf: (error: Error) => Problem
}

/** OpenAI's routes, under /v1. */
export function openAiRoutes(app: App, parts: Parts): void {
  const { hosted } = parts.service
  const created = Math.floor(Date.now() / 1000)
  const shown = (id: string) => {
    const { model, adapter } = hosted.get(id)
    return { id, object: 'model' as const, created, owned_by: 'volant', parent: adapter > 0 ? model.name : null }
  }
  app.route({
    method: 'GET',
    url: '/models',
    config: { scope: 'predict' },
    schema: { tags, summary: 'List the language models', response: { 200: hostedModels, default: openAiErrorSchema } },
    handler: async () => ({ object: 'list' as const, data: hosted.names.map(shown) }),
  })
  app.route({
    method: 'GET',
    url: '/models/:model',
    config: { scope: 'predict' },
    schema: {
      tags,
      summary: 'A language model',
      params: z.object({ model: z.string() }),
      response: { 200: hostedModel, default: openAiErrorSchema },
    },
    handler: async ({ params }) => shown(params.model),
  })
  app.route({
    method: 'POST',
    url: '/chat/completions',
    config: { scope: 'predict' },
    schema: {
      tags,
      summary: 'Answer in a conversation',
      body: chatRequest,
      response: { 200: chatCompletion, default: openAiErrorSchema },
    },
    handler: (request, reply) =>
      answer(parts, request, reply, {
        task: chatTask(request.body),
        form: chatForm(request.body.model, includesUsage(request.body)),
      }),
  })
  app.route({
    method: 'POST',
    url: '/completions',
    config: { scope: 'predict' },
    schema: {
      tags,
      summary: 'Write a text on',
      body: completionRequest,
      response: { 200: completion, default: openAiErrorSchema },
    },
    handler: (request, reply) =>
      answer(parts, request, reply, {
        task: completionTask(request.body),
        form: completionForm(request.body.model, includesUsage(request.body)),
      }),
  })
  app.route({
    method: 'POST',
    url: '/embeddings',
    config: { scope: 'predict' },
    schema: {
      tags,
      summary: 'Turn texts into vectors',
      body: embeddingRequest,
      response: { 200: embeddings, default: openAiErrorSchema },
    },
    // Built here and large: written as it is, without a second walk over every number.
    serializerCompiler: () => JSON.stringify,
    handler: async ({ body, principal }, reply) => {
      const found = await parts.service.run(principal, body.model, embedTask(body), { signal: goneSignal(reply) })
      return embeddingAnswer(body.model, found, body.encoding_format === 'base64')
    },
  })
}

/** What language models were used for, under /api/v1. */
export function tokenRoutes(app: App, service: LanguageService): void {
  app.route({
    method: 'GET',
    url: '/tokens',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'Tokens per channel, key, language model and day',
      querystring: z.object({ from: time.optional(), to: time.optional() }),
      response: { 200: tokenUses },
    },
    handler: async ({ query: { from, to } }) => ({
      items: await service.used({ from: from?.slice(0, 10), to: to?.slice(0, 10) }),
    }),
  })
}

const includesUsage = ({ stream_options }: ChatRequest | CompletionRequest) => stream_options?.include_usage === true

/** Writes a text, and gives it whole or, where `stream` is asked for, in pieces. */
async function answer<Whole>(
  { service, problemOf }: Parts,
  { principal, body, log }: FastifyRequest,
  reply: FastifyReply,
  { task, form }: { task: WriteTask; form: AnswerForm<Whole> },
): Promise<Whole> {
  const asked = body as ChatRequest | CompletionRequest
  const { model, stream } = asked
  const signal = goneSignal(reply)
  if (!stream) {
    let text = ''
    const onPiece = (piece: string) => {
      text += piece
    }
    const written = await service.run(principal, model, task, { signal, onPiece })
    return form.whole(text, written)
  }
  const events = new EventStream(reply)
  const begin = () => {
    const first = events.begun ? undefined : form.first()
    if (first) events.send(first)
  }
  const onPiece = (piece: string) => {
    begin()
    events.send(form.piece(piece))
  }
  try {
    const written = await service.run(principal, model, task, { signal, onPiece })
    begin()
    events.send(form.last(written))
    if (includesUsage(asked)) events.send(form.usage(written))
  } catch (error) {
    if (!events.begun) throw error
    log.error({ err: error }, 'a text broke off')
    events.send(openAiError(problemOf(error as Error)))
  }
  events.end()
  return reply as never
}
