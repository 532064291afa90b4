import { z } from 'zod'
import type { Access } from '../access/index.js'
import type { App } from '../api.js'
import type { Channels } from '../channels/index.js'
import type { Projects } from '../needs/index.js'
import { byProject, pageOf, paging } from '../schema.js'
import { byPrediction, type Predictions } from '../serve/index.js'
import type { Journal, Store } from '../store/index.js'
import { channelUses } from './channel-uses.js'
import { type FeedbackBook, refusalOf, type Taken } from './feedback.js'
import type { Iterations } from './iterations.js'
import type { Questioner } from './questions.js'
import {
  byIteration,
  channelUses as channelUsesSchema,
  feedback,
  feedbackAnswer,
  feedbackBody,
  feedbackQuery,
  improveRequest,
  iteration,
  predictionWithFeedback,
  questions,
  questionsQuery,
  summary,
  usage,
  usageQuery,
} from './schema.js'
import type { Summaries } from './summary.js'

const tags = ['improve']

interface Parts {
  projects: Projects
  predictions: Predictions
  feedbackBook: FeedbackBook
  questioner: Questioner
  iterations: Iterations
  summaries: Summaries
  channels: Channels
  access: Access
  store: Store
  journal: Journal
}

export function improveRoutes(app: App, parts: Parts): void {
  const { projects, predictions, feedbackBook, questioner, iterations, summaries, channels, access, store, journal } =
    parts
  app.route({
    method: 'POST',
    url: '/projects/:p/feedback',
    config: { scope: 'feedback' },
    schema: {
      tags,
      summary: 'Give feedback, one or an array',
      params: byProject,
      body: feedbackBody,
      response: { 200: feedbackAnswer },
    },
    handler: async ({ params, body, principal }) => {
      const project = await projects.get(params.p)
      if (Array.isArray(body)) return counted(await feedbackBook.give(project, principal.channel, body))
      const [taken] = await feedbackBook.give(project, principal.channel, [body])
      if ('refused' in taken!) throw taken.refused
      return taken!
    },
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/feedback',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'List feedback',
      params: byProject,
      querystring: feedbackQuery,
      response: { 200: pageOf(feedback) },
    },
    handler: async ({ params, query }) => feedbackBook.list((await projects.get(params.p)).id, query),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/predictions/:id',
    config: { scope: 'read' },
    schema: {
      tags: ['serve'],
      summary: 'Read a prediction with its feedback',
      params: byPrediction,
      response: { 200: predictionWithFeedback },
    },
    handler: async ({ params }) => ({
      ...(await predictions.get(params.p, params.id)),
      feedback: await feedbackBook.of(params.p, params.id),
    }),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/questions',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'Which rows to ask about next',
      params: byProject,
      querystring: questionsQuery,
      response: { 200: questions },
    },
    handler: async ({ params, query }) => questioner.ask(await projects.get(params.p), query),
  })
  app.route({
    method: 'POST',
    url: '/projects/:p/improve',
    config: { scope: 'write' },
    schema: {
      tags,
      summary: 'Learn from new labels: train a candidate, let the gate decide',
      params: byProject,
      body: improveRequest,
      response: { 202: iteration },
    },
    handler: async ({ params, body }, reply) =>
      reply.code(202).send(await iterations.create(await projects.get(params.p), body)),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/iterations',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'List iterations',
      params: byProject,
      querystring: paging,
      response: { 200: pageOf(iteration) },
    },
    handler: async ({ params, query }) => iterations.list((await projects.get(params.p)).id, query),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/iterations/:i',
    config: { scope: 'read' },
    schema: { tags, summary: 'Read an iteration', params: byIteration, response: { 200: iteration } },
    handler: ({ params }) => iterations.get(params.p, params.i),
  })
  app.route({
    method: 'POST',
    url: '/projects/:p/iterations/:i/release',
    config: { scope: 'write' },
    schema: {
      tags,
      summary: 'Let labels that were set aside count again',
      params: byIteration,
      body: z.unknown(),
      response: { 200: iteration },
    },
    handler: ({ params }) => iterations.release(params.p, params.i),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/summary',
    config: { scope: 'read' },
    schema: { tags, summary: 'The loop in figures', params: byProject, response: { 200: summary } },
    handler: async ({ params }) => summaries.of(await projects.get(params.p)),
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/channels',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'Channels the project is used through',
      params: byProject,
      response: { 200: channelUsesSchema },
    },
    handler: async ({ params }) => {
      const { id } = await projects.get(params.p)
      await journal.flush()
      return channelUses(id, { db: store.db, access, channels })
    },
  })
  app.route({
    method: 'GET',
    url: '/projects/:p/usage',
    config: { scope: 'read' },
    schema: {
      tags,
      summary: 'Usage per channel, version and day',
      params: byProject,
      querystring: usageQuery,
      response: { 200: usage },
    },
    handler: async ({ params, query: { from, to } }) => {
      const { id } = await projects.get(params.p)
      await journal.flush()
      return { items: await channels.used({ project: id, from: from?.slice(0, 10), to: to?.slice(0, 10) }) }
    },
  })
}

function counted(taken: Taken[]) {
  const results = taken.map((one, index) =>
    'refused' in one ? { index, id: one.id, error: refusalOf(one.refused) } : one,
  )
  const refused = taken.filter((one) => 'refused' in one).length
  const duplicates = taken.filter((one) => 'duplicate' in one && one.duplicate).length
  return { results, accepted: taken.length - refused - duplicates, duplicates, refused }
}
