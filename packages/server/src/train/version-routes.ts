import { z } from 'zod'
import type { App } from '../api.js'
import { refuse } from '../errors.js'
import { type Evaluation, evaluationSchema } from '../evaluate/index.js'
import type { Projects } from '../needs/index.js'
import { byProject, pageOf, paging } from '../schema.js'
import { byVersion, modelVersion } from './schema.js'
import type { Versions } from './versions.js'

const tags = ['evaluate']

interface Parts {
  projects: Projects
  versions: Versions
  /** Of the deploy stage, which comes later: what answers where, and what `champion` stands for. */
  endpoints: {
    live(project: string): Promise<Map<string, string[]>>
    serving(project: string): Promise<{ champion: string }>
  }
}

export function versionRoutes(app: App, { projects, versions, endpoints }: Parts): void {
  /** The id of a version of an existing project; `champion` stands for the one that answers. */
  const idOf = async ({ p, v }: { p: string; v: string }): Promise<string> => {
    await projects.get(p)
    return v === 'champion' ? (await endpoints.serving(p)).champion : v
  }
  const evaluationOf = async (params: { p: string; v: string }): Promise<Evaluation> => {
    const { id, evaluation } = await versions.get(params.p, await idOf(params), new Map())
    if (!evaluation) throw refuse('unknown-evaluation', `The model version "${id}" was not evaluated.`)
    return evaluation
  }
  app.route({
    method: 'GET',
    url: '/projects/:p/versions',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'List model versions',
      params: byProject,
      querystring: paging,
      response: { 200: pageOf(modelVersion) },
    },
    handler: async ({ params, query }) => {
      const { id } = await projects.get(params.p)
      return versions.list(id, query, await endpoints.live(id))
    },
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/versions/:v',
    config: { scope: 'read' },
    schema: { tags, summary: 'Read a model version', params: byVersion, response: { 200: modelVersion } },
    handler: async ({ params }) => versions.get(params.p, await idOf(params), await endpoints.live(params.p)),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/versions/:v/card',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'Read the model card',
      params: byVersion,
      produces: ['text/markdown'],
      response: { 200: z.string() },
    },
    serializerCompiler: () => String,
    handler: async ({ params }, reply) =>
      reply.type('text/markdown; charset=utf-8').send(await versions.card(params.p, await idOf(params))),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/versions/:v/evaluation',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'Read how a version did on the frozen test set',
      params: byVersion,
      response: { 200: evaluationSchema },
    },
    handler: ({ params }) => evaluationOf(params),
  })
  app.route({
    method: 'POST',
    url: '/projects/:p/versions/:v/evaluate',
    config: { scope: 'write' },
    schema: {
      tags,
      summary: 'Evaluate a version (a run has done it: answers what it found)',
      params: byVersion,
      body: z.unknown(),
      response: { 200: evaluationSchema },
    },
    handler: ({ params }) => evaluationOf(params),
  })
}
