import { z } from 'zod'
import type { App } from '../api.js'
import { type Datasets, datasetRowSchema, fileOf, takeFiles, uploadSchema } from '../collect/index.js'
import { refuse } from '../errors.js'
import type { Projects } from '../needs/index.js'
import { byProject, id, pageOf, paging } from '../schema.js'
import type { TestSets } from './logic.js'
import { maskRow } from './mask.js'
import type { Profiles } from './profiles.js'
import { newTestSet, profiled, testSet } from './schema.js'

const byDataset = z.object({ p: id, d: id })

interface Parts {
  projects: Projects
  datasets: Datasets
  testSets: TestSets
  profiles: Profiles
}

export function prepareRoutes(app: App, { projects, datasets, testSets, profiles }: Parts): void {
  app.route({
    method: 'GET',
    url: '/projects/:p/datasets/:d/rows',
    config: { scope: 'read' },
    schema: {
      tags: ['prepare'],
      summary: 'Read rows, contacts masked',
      params: byDataset,
      querystring: paging,
      response: { 200: pageOf(datasetRowSchema) },
    },
    handler: async ({ params, query: { limit, after } }) => {
      const offset = after === undefined ? 0 : Number(after)
      if (!Number.isSafeInteger(offset)) throw refuse('bad-cursor', `after=${after} was not given out by this listing.`)
      const version = await datasets.open(await projects.get(params.p), params.d)
      const items = []
      for await (const { values, origin } of version.read({ offset, limit }))
        items.push({ row: offset + items.length, values: maskRow(values), ...origin })
      const end = offset + items.length
      const next = end < version.table.rowCount ? String(end) : null
      await version.close()
      return { items, next }
    },
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/datasets/:d/profile',
    config: { scope: 'read' },
    schema: { tags: ['prepare'], summary: 'Profile a dataset version', params: byDataset, response: { 200: profiled } },
    handler: async ({ params }) => profiles.of(await projects.get(params.p), params.d),
  })
  app.route({
    method: 'POST',
    url: '/projects/:p/test-set',
    config: { scope: 'write' },
    schema: {
      tags: ['prepare'],
      summary: 'Freeze a share of a dataset version as the test set',
      params: byProject,
      body: newTestSet,
      response: { 201: testSet },
    },
    handler: async ({ params, body }, reply) =>
      reply.code(201).send(await testSets.freezeShare(await projects.get(params.p), datasets, body)),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/test-set',
    config: { scope: 'read' },
    schema: {
      tags: ['prepare'],
      summary: 'Read what is known of the frozen test set',
      params: byProject,
      response: { 200: testSet },
    },
    handler: async ({ params }) => testSets.get(await projects.get(params.p)),
  })
  app.register(async (files: App) => {
    await takeFiles(files)
    files.route({
      method: 'POST',
      url: '/projects/:p/test-set/upload',
      config: { scope: 'write' },
      schema: {
        tags: ['prepare'],
        summary: 'Freeze the rows of a file as the test set',
        consumes: ['application/octet-stream', 'text/csv', 'multipart/form-data'],
        params: byProject,
        querystring: uploadSchema,
        response: { 201: testSet },
      },
      handler: async (request, reply) => {
        const project = await projects.get(request.params.p)
        const { name, ...file } = await fileOf(request, request.query.name)
        return reply.code(201).send(await testSets.freezeUpload(project, file, { ...request.query, name }))
      },
    })
  })
}
