import { VolantError } from '@volant/data'
import type { App } from './api.js'

/** How long a browser may keep the answer to its question, in seconds. */
const KEPT = 600

/** Headers that pages may send. */
const sent = 'authorization, content-type, x-api-key, last-event-id'

const asked = {
  'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
  'access-control-max-age': String(KEPT),
}

/** An origin as browsers send it. Throws VolantError `bad-origin`. */
export function readOrigin(text: string): string {
  const refused = new VolantError(
    'bad-origin',
    `"${text}" is no origin of web pages; expected such as https://app.example.com or http://localhost:5173.`,
    { origin: text },
  )
  if (!/^https?:\/\/[^/?#@*]+$/i.test(text) || !URL.canParse(text)) throw refused
  return new URL(text).origin
}

/**
 * Lets pages of the given origins, and no others, use the API from a browser (CORS, Fetch standard). No cookie is ever
 * sent: such a page needs a key, which the people who open it can read; give it one with few scopes.
 */
export function allowOrigins(app: App, origins: readonly string[]): void {
  const allowed = new Set(origins.map(readOrigin))
  if (allowed.size === 0) return
  app.addHook('onRequest', async (request, reply) => {
    if (!/^\/(api|v1)\//.test(request.url)) return
    reply.header('vary', 'origin')
    const { origin, 'access-control-request-method': wanted, 'access-control-request-headers': more } = request.headers
    if (origin === undefined || !allowed.has(origin)) return
    reply.headers({
      'access-control-allow-origin': origin,
      'access-control-expose-headers': 'retry-after, x-request-id',
    })
    if (request.method !== 'OPTIONS' || wanted === undefined) return
    // OpenAI's client sends a dozen headers that tell of itself.
    const allowedHeaders = request.url.startsWith('/v1/') ? (more ?? sent) : sent
    return reply
      .headers({ ...asked, 'access-control-allow-headers': allowedHeaders })
      .code(204)
      .send()
  })
}
