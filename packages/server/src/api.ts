import type { IncomingMessage, ServerResponse } from 'node:http'
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Principal, Scope } from './access/index.js'

/** The HTTP app whose routes take their types from their schemas. */
export type App = FastifyInstance<RawServerDefault, IncomingMessage, ServerResponse, FastifyBaseLogger, ZodTypeProvider>

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a key must be allowed to use the route; `any` asks for a key alone, `open` for nothing. */
    scope?: Scope | 'any' | 'open'
  }
  interface FastifyRequest {
    /** Who asks. Set before a route's handler runs, except on open routes. */
    principal: Principal
  }
}
