import type { Readable } from 'node:stream'
import multipart from '@fastify/multipart'
import type { FastifyRequest } from 'fastify'
import type { App } from '../api.js'
import { refuse } from '../errors.js'
import type { Projects } from '../needs/index.js'
import { byProject, pageOf, paging } from '../schema.js'
import type { Datasets } from './logic.js'
import { byDataset, dataset, newRows, upload } from './schema.js'

export function collectRoutes(app: App, projects: Projects, datasets: Datasets): void {
  app.register(async (files: App) => {
    await takeFiles(files)
    files.route({
      method: 'POST',
      url: '/projects/:p/datasets',
      config: { scope: 'write' },
      schema: {
        tags: ['collect'],
        summary: 'Upload a data file (raw bytes or multipart with one file)',
        consumes: ['application/octet-stream', 'text/csv', 'multipart/form-data'],
        params: byProject,
        querystring: upload,
        response: { 201: dataset },
      },
      handler: async (request, reply) => {
        const project = await projects.get(request.params.p)
        const { name, ...file } = await fileOf(request, request.query.name)
        return reply.code(201).send(await datasets.upload(project, file, { ...request.query, name }))
      },
    })
  })
  app.route({
    method: 'POST',
    url: '/projects/:p/rows',
    config: { scope: 'write' },
    schema: { tags: ['collect'], summary: 'Add rows', params: byProject, body: newRows, response: { 201: dataset } },
    handler: async ({ params, body }, reply) =>
      reply.code(201).send(await datasets.addRows(await projects.get(params.p), body)),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/datasets',
    config: { scope: 'read' },
    schema: {
      tags: ['collect'],
      summary: 'List dataset versions',
      params: byProject,
      querystring: paging,
      response: { 200: pageOf(dataset) },
    },
    handler: async ({ params, query }) => datasets.list(await projects.get(params.p), query),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/datasets/:d',
    config: { scope: 'read' },
    schema: { tags: ['collect'], summary: 'Read a dataset version', params: byDataset, response: { 200: dataset } },
    handler: async ({ params }) => datasets.get(await projects.get(params.p), params.d),
  })
}

/** Makes an app hand file bodies on as streams instead of reading them into memory. */
export async function takeFiles(app: App): Promise<void> {
  app.removeAllContentTypeParsers()
  await app.register(multipart, { limits: { fileSize: Number.MAX_SAFE_INTEGER } })
  app.addContentTypeParser('*', (_request, payload, done) => done(null, payload))
}

/** A file that is sent, and its name. */
interface SentFile {
  stream: Readable
  name: string | undefined
  /** Throws when the request has more than this one file; called once the stream was read. */
  end(): Promise<void>
}

/** The file of a request, whichever way it was sent. */
export async function fileOf(request: FastifyRequest, name: string | undefined): Promise<SentFile> {
  if (!request.isMultipart()) {
    if (request.body === undefined) throw refuse('empty-file', 'The request has no body; send the bytes of a file.')
    return { stream: request.body as Readable, name, end: async () => {} }
  }
  const files = request.files()
  const next = async () => {
    const { value } = await files.next().catch((error: Error & { statusCode?: number }) => {
      if (error.statusCode !== undefined && error.statusCode < 500) throw error
      const sentence = `The multipart body cannot be read (${error.message}); send it whole, with a boundary.`
      throw refuse('bad-request', sentence)
    })
    return value
  }
  const part = await next()
  if (!part)
    throw refuse(
      'bad-request',
      'The multipart body has no file part; add one, or send the bytes of the file as the body.',
    )
  const end = async () => {
    const second = await next()
    if (!second) return
    second.file.resume()
    throw refuse(
      'bad-request',
      `The multipart body has a second file, "${second.filename}", beside "${part.filename}"; send one file a request. Nothing was kept.`,
      { file: second.filename },
    )
  }
  return { stream: part.file, name: name ?? (part.filename || undefined), end }
}
