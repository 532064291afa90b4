import type { App } from '../api.js'
import type { Endpoints } from '../deploy/index.js'
import type { Projects } from '../needs/index.js'
import { byProject, pageOf } from '../schema.js'
import type { Versions } from '../train/index.js'
import type { Predictions } from './logic.js'
import { form, predictAnswer, prediction, predictionsQuery, predictRequest } from './schema.js'

const tags = ['serve']

interface Parts {
  projects: Projects
  predictions: Predictions
  endpoints: Endpoints
  versions: Versions
}

export function serveRoutes(app: App, { projects, predictions, endpoints, versions }: Parts): void {
  app.route({
    method: 'POST',
    url: '/projects/:p/predict',
    config: { scope: 'predict' },
    schema: {
      tags,
      summary: 'Predict one or many rows',
      params: byProject,
      body: predictRequest,
      response: { 200: predictAnswer },
    },
    // Built here and large: written as it is, without a second walk over every probability.
    serializerCompiler: () => JSON.stringify,
    handler: ({ params, body, principal }) => predictions.predict(params.p, principal.channel, body),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/predictions',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'List predictions',
      params: byProject,
      querystring: predictionsQuery,
      response: { 200: pageOf(prediction) },
    },
    handler: async ({ params, query }) => predictions.list((await projects.get(params.p)).id, query),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/form',
    config: { scope: 'read' },
    schema: { tags, summary: 'What the champion takes and gives', params: byProject, response: { 200: form } },
    handler: async ({ params }) => {
      const project = await projects.get(params.p)
      const endpoint = await endpoints.main(project.id)
      if (!endpoint) return { version: null, inputs: [], outputs: [] }
      return { version: endpoint.champion, ...(await versions.form(project.id, endpoint.champion)) }
    },
  })
}
