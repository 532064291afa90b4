import { z } from 'zod'
import type { App } from '../api.js'
import type { Projects } from '../needs/index.js'
import { byProject, pageOf } from '../schema.js'
import type { Endpoints } from './logic.js'
import { byEndpoint, endpoint, newEndpoint, promotion } from './schema.js'

const tags = ['deploy']

export function deployRoutes(app: App, projects: Projects, endpoints: Endpoints): void {
  app.route({
    method: 'GET',
    url: '/projects/:p/endpoints',
    config: { scope: 'read' },
    schema: { tags, summary: 'List endpoints', params: byProject, response: { 200: pageOf(endpoint) } },
    handler: async ({ params }) => ({ items: await endpoints.list((await projects.get(params.p)).id), next: null }),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/endpoints/:e',
    config: { scope: 'read' },
    schema: { tags, summary: 'Read an endpoint', params: byEndpoint, response: { 200: endpoint } },
    handler: ({ params }) => endpoints.get(params.p, params.e),
  })
  app.route({
    method: 'PUT',
    url: '/projects/:p/endpoints/:e',
    config: { scope: 'write' },
    schema: {
      tags,
      summary: 'Deploy: set what an endpoint serves',
      params: byEndpoint,
      body: newEndpoint,
      response: { 200: endpoint },
    },
    handler: async ({ params, body }) => endpoints.put((await projects.get(params.p)).id, params.e, body),
  })
  app.route({
    method: 'POST',
    url: '/projects/:p/endpoints/:e/promote',
    config: { scope: 'write' },
    schema: {
      tags,
      summary: 'Make the challenger (or a named version) the champion',
      params: byEndpoint,
      body: promotion,
      response: { 200: endpoint },
    },
    handler: async ({ params, body }) => {
      await endpoints.get(params.p, params.e)
      return endpoints.promote(params.p, params.e, body.version)
    },
  })
  app.route({
    method: 'POST',
    url: '/projects/:p/endpoints/:e/rollback',
    config: { scope: 'write' },
    schema: {
      tags,
      summary: 'Go back to the earlier champion',
      params: byEndpoint,
      body: z.unknown(),
      response: { 200: endpoint },
    },
    handler: ({ params }) => endpoints.rollback(params.p, params.e),
  })
}
