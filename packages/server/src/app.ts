import { randomUUID } from 'node:crypto'
import { VolantError } from '@volant/data'
import Fastify, {
  type FastifyBaseLogger,
  type FastifyError,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from 'fastify'
import {
  hasZodFastifySchemaValidationErrors,
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { type Access, allow } from './access/index.js'
import type { App } from './api.js'
import { allowOrigins } from './cors.js'
import { isProblemCode, type Problem, problemOf, problems } from './errors.js'
import { openAiError } from './language/index.js'
import type { HttpMetrics } from './metrics.js'
import { placesHidden, withoutPlaces } from './places.js'

/** Largest JSON body, in bytes. Files are streamed and have their own limit. */
const JSON_LIMIT = 16 * 2 ** 20

const headers = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
}

/** The HTTP app without its routes: checks, keys, problem documents, headers, logs and metrics. */
export function makeApp({
  access,
  metrics,
  log,
  dataFolder,
  cors,
}: {
  access: Access
  metrics: HttpMetrics
  log: FastifyBaseLogger
  /** Answers never name it. */
  dataFolder: string
  /** Origins whose pages may use the API. */
  cors: readonly string[]
}): App {
  const shownProblem = shownProblemOf(dataFolder)
  const answerError = (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply) =>
    answerProblem(error, request, reply, shownProblem)
  const app = Fastify({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: JSON_LIMIT,
    requestIdHeader: false,
    genReqId: () => randomUUID(),
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 100 },
    frameworkErrors: (error, request, reply) => void answerError(error, request, reply),
  }).withTypeProvider<ZodTypeProvider>()
  app.setValidatorCompiler((route) => {
    const check = validatorCompiler(route as Parameters<typeof validatorCompiler>[0])
    // A missing body comes as null; schemas with defaults wait for undefined.
    return route.httpPart === 'body' ? (data: unknown) => check(data ?? undefined) : check
  })
  app.setSerializerCompiler(serializerCompiler)
  app.decorateRequest('principal')
  const parseJson = app.getDefaultJsonParser('error', 'error')
  app.removeContentTypeParser('application/json')
  // A POST that needs no fields may come without a body.
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else parseJson(request, body as string, done)
  })

  // First, so that a refusal too can be read by the page that asked.
  allowOrigins(app, cors)
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(headers).header('x-request-id', request.id)
    if (request.routeOptions.config.scope !== 'open' && !request.is404) reply.header('cache-control', 'no-store')
  })
  app.addHook('onRequest', async (request) => {
    const { scope } = request.routeOptions.config
    if (scope === 'open' || request.is404) return
    request.principal = await access.authenticate({
      headers: request.headers,
      remoteAddress: request.socket.remoteAddress,
      foreignKeys: isOpenAi(request),
    })
    const { p } = (request.params ?? {}) as { p?: string }
    if (scope !== 'any') allow(request.principal, scope ?? 'admin', p)
  })
  app.addHook('onResponse', async (request, reply) => {
    const route = request.is404 ? 'none' : (request.routeOptions.url ?? 'none')
    metrics.request(request.method, route, reply.statusCode, reply.elapsedTime / 1000)
    const level = reply.statusCode >= 500 ? 'error' : 'debug'
    const { channel } = request.principal ?? { channel: null }
    request.log[level](
      { method: request.method, route, status: reply.statusCode, ms: Math.round(reply.elapsedTime), channel },
      'answered',
    )
  })
  app.setErrorHandler(answerError)
  app.setNotFoundHandler((request, reply) => {
    const detail = `There is nothing at ${request.method} ${request.url.split('?')[0]!.slice(0, 200)}; /api/docs lists the routes.`
    return sendProblem(request, reply, problemOf('not-found', detail))
  })
  return app
}

/** Makes the function that gives the problem document of an error without the places of the server's files. */
export function shownProblemOf(dataFolder: string): (error: FastifyError | Error) => Problem {
  const hide = placesHidden(dataFolder)
  return (error) => withoutPlaces(problemFor(error), hide)
}

function answerProblem(
  error: FastifyError | Error,
  request: FastifyRequest,
  reply: FastifyReply,
  shownProblem: (error: FastifyError | Error) => Problem,
): FastifyReply {
  const problem = shownProblem(error)
  const level = problem.status >= 500 ? 'error' : isProblemCode(problem.code) ? problems[problem.code].log : 'debug'
  request.log[level]({ code: problem.code, ...(problem.status >= 500 && { err: error }) }, problem.title)
  return sendProblem(request, reply, problem)
}

/** Asked by a client of OpenAI's API. */
const isOpenAi = (request: FastifyRequest) => request.url.startsWith('/v1/')

/** Refusals that hold for a while: OpenAI's clients, which ask again after every 429 and 5xx, are told not to. */
const lasting = ['model-not-loaded', 'quota-exceeded']

function sendProblem(request: FastifyRequest, reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 429 || problem.status === 503) {
    const { retryAfter } = problem
    reply.header('retry-after', String(typeof retryAfter === 'number' ? Math.ceil(retryAfter) : 1))
  }
  if (problem.status === 401) reply.header('www-authenticate', 'Bearer')
  reply.code(problem.status).serializer(JSON.stringify)
  if (!isOpenAi(request)) return reply.type('application/problem+json').send(problem)
  if (lasting.includes(problem.code)) reply.header('x-should-retry', 'false')
  return reply.type('application/json').send(openAiError(problem))
}

/** Fastify's own codes in our words. */
const foreign: Record<
  string,
  [code: 'bad-json' | 'bad-request' | 'body-too-large' | 'unsupported-media-type', detail?: string]
> = {
  FST_ERR_CTP_BODY_TOO_LARGE: [
    'body-too-large',
    `The body is larger than the ${JSON_LIMIT / 2 ** 20} MB this route takes; send less at once.`,
  ],
  FST_ERR_CTP_INVALID_MEDIA_TYPE: ['unsupported-media-type', 'Send the body as application/json.'],
  FST_ERR_CTP_EMPTY_JSON_BODY: ['bad-json', 'The body is empty; expected a JSON document.'],
  FST_ERR_CTP_INVALID_JSON_BODY: ['bad-json', 'The body is not valid JSON.'],
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: ['bad-request', 'The body is not as long as its Content-Length says.'],
}

/** The problem document of anything that was thrown. What we did not expect says nothing of its cause to the caller. */
export function problemFor(error: FastifyError | Error): Problem {
  if (error instanceof VolantError) return problemOf(error.code, error.message, error.details)
  if (hasZodFastifySchemaValidationErrors(error)) {
    const { validationContext: part } = error as FastifyError
    const errors = error.validation
      .slice(0, 20)
      .map((one) => ({ path: one.instancePath || '/', message: one.message ?? 'is wrong' }))
    const first = errors[0]
    const detail = first
      ? `${part ?? 'request'}${first.path === '/' ? '' : first.path}: ${first.message}`
      : 'The request has the wrong shape.'
    return problemOf('bad-request', detail, { part, errors })
  }
  const { code, statusCode } = error as FastifyError
  const known = foreign[code ?? '']
  if (known) return problemOf(known[0], known[1] ?? error.message)
  if (error instanceof SyntaxError) return problemOf('bad-json', `The body is not valid JSON: ${error.message}`)
  if (statusCode === 413) return problemOf('body-too-large', 'The body is larger than this route takes.')
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500) return problemOf('bad-request', error.message)
  return problemOf('internal', 'The server failed on this request; its log has the reason under this request id.')
}
