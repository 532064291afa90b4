import { z } from 'zod'
import type { App } from '../api.js'
import type { Projects } from '../needs/index.js'
import { byProject, pageOf, paging } from '../schema.js'
import type { Runs } from './runs.js'
import { byRun, logLines, logQuery, newRun, run } from './schema.js'

const tags = ['train']

export function trainRoutes(app: App, projects: Projects, runs: Runs): void {
  app.route({
    method: 'POST',
    url: '/projects/:p/runs',
    config: { scope: 'write' },
    schema: {
      tags,
      summary: 'Train a model on a dataset version',
      params: byProject,
      body: newRun,
      response: { 202: run },
    },
    handler: async ({ params, body }, reply) =>
      reply.code(202).send(await runs.create(await projects.get(params.p), body)),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/runs',
    config: { scope: 'read' },
    schema: { tags, summary: 'List runs', params: byProject, querystring: paging, response: { 200: pageOf(run) } },
    handler: async ({ params, query }) => runs.list((await projects.get(params.p)).id, query),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/runs/:r',
    config: { scope: 'read' },
    schema: { tags, summary: 'Read a run', params: byRun, response: { 200: run } },
    handler: ({ params }) => runs.get(params.p, params.r),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/runs/:r/log',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: "Read a run's log after a line",
      params: byRun,
      querystring: logQuery,
      response: { 200: logLines },
    },
    handler: ({ params, query }) => runs.log(params.p, params.r, query.after),
  })
  app.route({
    method: 'POST',
    url: '/projects/:p/runs/:r/cancel',
    config: { scope: 'write' },
    schema: { tags, summary: 'Cancel a run', params: byRun, body: z.unknown(), response: { 200: run } },
    handler: ({ params }) => runs.cancel(params.p, params.r),
  })
}
