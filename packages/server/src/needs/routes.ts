import { z } from 'zod'
import type { App } from '../api.js'
import { byProject, pageOf, paging } from '../schema.js'
import type { Projects } from './logic.js'
import { newProject, project, projectChange } from './schema.js'

export function needsRoutes(app: App, projects: Projects): void {
  app.route({
    method: 'POST',
    url: '/projects',
    config: { scope: 'write' },
    schema: { tags: ['needs'], summary: 'Create a project', body: newProject, response: { 201: project } },
    handler: async ({ body }, reply) => reply.code(201).send(await projects.create(body)),
  })
  app.route({
    method: 'GET',
    url: '/projects',
    config: { scope: 'read' },
    schema: { tags: ['needs'], summary: 'List projects', querystring: paging, response: { 200: pageOf(project) } },
    handler: ({ query }) => projects.list(query),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p',
    config: { scope: 'read' },
    schema: { tags: ['needs'], summary: 'Read a project', params: byProject, response: { 200: project } },
    handler: ({ params }) => projects.get(params.p),
  })
  app.route({
    method: 'PATCH',
    url: '/projects/:p',
    config: { scope: 'write' },
    schema: {
      tags: ['needs'],
      summary: 'Change a project',
      params: byProject,
      body: projectChange,
      response: { 200: project },
    },
    handler: ({ params, body }) => projects.change(params.p, body),
  })
  app.route({
    method: 'DELETE',
    url: '/projects/:p',
    config: { scope: 'admin' },
    schema: {
      tags: ['needs'],
      summary: 'Delete a project with all it holds',
      params: byProject,
      response: { 204: z.null() },
    },
    handler: async ({ params }, reply) => {
      await projects.remove(params.p)
      return reply.code(204).send(null)
    },
  })
}
