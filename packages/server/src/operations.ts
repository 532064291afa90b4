import { z } from 'zod'
import type { App } from './api.js'
import { problemOf } from './errors.js'
import type { Events } from './events.js'
import type { Metrics } from './metrics.js'
import type { Projects } from './needs/index.js'
import { byProject } from './schema.js'

const tags = ['operations']
const PING = 15_000

/** Health, readiness and metrics, at the root. */
export function operationsRoutes(app: App, { metrics, ready }: { metrics: Metrics; ready: () => boolean }): void {
  app.route({
    method: 'GET',
    url: '/healthz',
    config: { scope: 'open' },
    schema: { tags, summary: 'The process answers', response: { 200: z.object({ status: z.literal('ok') }) } },
    handler: async () => ({ status: 'ok' as const }),
  })
  app.route({
    method: 'GET',
    url: '/readyz',
    config: { scope: 'open' },
    schema: {
      tags,
      summary: 'The server takes work',
      response: { 200: z.object({ status: z.literal('ready') }), 503: z.unknown() },
    },
    handler: async (_request, reply) => {
      if (ready()) return { status: 'ready' as const }
      const problem = problemOf('not-ready', 'The server is starting or stopping; ask again in a second.')
      return reply
        .code(503)
        .header('retry-after', '1')
        .type('application/problem+json')
        .serializer(JSON.stringify)
        .send(problem)
    },
  })
  app.route({
    method: 'GET',
    url: '/metrics',
    config: { scope: 'read' },
    schema: { tags, summary: 'Figures for Prometheus', produces: ['text/plain'], response: { 200: z.string() } },
    serializerCompiler: () => String,
    handler: async (_request, reply) => reply.type(metrics.contentType).send(await metrics.text()),
  })
}

/** Server-sent events of a project: what changed, for pages that show it. */
export function eventRoutes(app: App, { projects, events }: { projects: Projects; events: Events }): { close(): void } {
  const streams = new Set<() => void>()
  app.route({
    method: 'GET',
    url: '/projects/:p/events',
    config: { scope: 'read' },
    schema: {
      tags: ['improve'],
      summary: 'What happens in the loop, as server-sent events',
      params: byProject,
      produces: ['text/event-stream'],
    },
    handler: async (request, reply) => {
      const { id } = await projects.get(request.params.p)
      reply.hijack()
      const stream = reply.raw
      stream.writeHead(200, {
        ...reply.getHeaders(),
        'content-type': 'text/event-stream; charset=utf-8',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      } as Record<string, string>)
      stream.write('retry: 2000\n\n')
      const stopListening = events.listen(id, ({ kind, ...data }) =>
        stream.write(`event: ${kind}\ndata: ${JSON.stringify(data)}\n\n`),
      )
      const pings = setInterval(() => stream.write(': ping\n\n'), PING)
      const end = () => stream.end()
      streams.add(end)
      stream.on('close', () => {
        clearInterval(pings)
        stopListening()
        streams.delete(end)
      })
    },
  })
  return {
    close: () => {
      for (const end of streams) end()
    },
  }
}
