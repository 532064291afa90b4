import { z } from 'zod'
import { endpointName, endpointSchema } from '../deploy/index.js'
import { gateSchema, measuredSchema } from '../evaluate/index.js'
import { projectSchema } from '../needs/index.js'
import { cell, clientId, id, label, name, pageOf, paging, time, timeText } from '../schema.js'
import { outputsSchema, predictionSchema } from '../serve/index.js'
import { jobState, runSchema } from '../train/index.js'

const kind = z.enum(['label', 'rating', 'click', 'conversion', 'edit', 'comment'])

const newFeedback = z.strictObject({
  id: clientId.meta({ description: 'Made by the client: sending it again is harmless.' }),
  predictionId: clientId,
  output: name.optional(),
  kind,
  value: label,
  at: time.optional(),
  subject: clientId.optional(),
})
export type NewFeedback = z.output<typeof newFeedback>
/** Items of a list are checked one by one, so that a wrong one is refused alone. */
export const feedbackBody = z.union([newFeedback, z.array(z.union([newFeedback, z.unknown()])).min(1)])

/** An item in the right shape, or what is wrong with it in one clause. */
export function readFeedback(item: unknown): NewFeedback | { wrong: string } {
  const { data, error } = newFeedback.safeParse(item)
  if (data) return data
  const { path, message } = error!.issues[0]!
  return { wrong: path.length > 0 ? `${path.join('.')}: ${message}` : message }
}

const taken = z.object({ id: z.string(), duplicate: z.boolean() })
const refused = z.object({
  index: z.number().meta({ description: 'Place of the item in the list, from 0.' }),
  id: z.string().nullable(),
  error: z.object({ code: z.string(), message: z.string() }),
})
const feedbackAnswers = z.object({
  results: z.array(z.union([taken, refused])),
  accepted: z.number(),
  duplicates: z.number(),
  refused: z.number(),
})
export const feedbackAnswer = z.union([taken, feedbackAnswers])

export const feedback = z
  .object({
    id: z.string(),
    predictionId: z.string(),
    output: z.string().nullable(),
    kind,
    value: label,
    at: timeText,
    receivedAt: timeText,
    channel: z.string(),
    subject: z.string().nullable(),
  })
  .meta({ id: 'Feedback' })
export type Feedback = z.output<typeof feedback>
export const feedbackQuery = paging.extend({ kind: kind.optional(), channel: z.string().max(200).optional() })
export type FeedbackQuery = z.output<typeof feedbackQuery>
export const predictionWithFeedback = predictionSchema.extend({ feedback: z.array(feedback) })

const strategy = z.enum(['diverse', 'uncertain', 'random'])
export type Strategy = z.output<typeof strategy>
export const questionsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(200).default(10),
  strategy: strategy.default('diverse'),
  output: name.optional(),
  channel: z.string().max(200).optional(),
  seed: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(42),
})
export type QuestionsQuery = z.output<typeof questionsQuery>
export const questions = z.object({
  version: z.string(),
  strategy,
  pool: z.number().meta({ description: 'Rows that could be asked about.' }),
  questions: z.array(
    z.object({
      predictionId: z.string(),
      inputs: z.record(z.string(), cell),
      outputs: outputsSchema,
      output: z.string(),
      uncertainty: z.number().meta({ description: '1 - (p of the first class - p of the second), 0..1.' }),
      channel: z.string(),
      at: timeText,
    }),
  ),
})
export type Questions = z.output<typeof questions>

export const improveRequest = z
  .strictObject({
    endpoint: endpointName.default('default'),
    timeLimit: z
      .string()
      .regex(/^\d+(\.\d+)?(s|m|h)$/, { error: 'expected a time such as 90s, 5m or 1h' })
      .optional(),
    seed: z
      .number()
      .int()
      .min(0)
      .max(2 ** 31 - 1)
      .optional(),
    minimumLabels: z.number().int().min(1).default(1),
  })
  .prefault({})
export type ImproveRequest = z.output<typeof improveRequest>

const decision = z.enum(['promoted', 'kept', 'set-aside', 'first']).nullable()
export const iteration = z
  .object({
    id: z.string(),
    number: z.number(),
    state: jobState,
    reason: z.string().nullable(),
    run: z.string().nullable(),
    dataset: z.string().nullable(),
    champion: z.string().nullable(),
    candidate: z.string().nullable(),
    decision,
    labels: z.object({ new: z.number(), used: z.number(), rows: z.number(), disagreements: z.number() }),
    gate: gateSchema.nullable(),
    accuracy: z.record(z.string(), measuredSchema).nullable(),
    explanation: z
      .object({ code: z.string(), params: z.record(z.string(), z.unknown()), en: z.string(), zh: z.string() })
      .nullable(),
    createdAt: timeText,
    endedAt: timeText.nullable(),
  })
  .meta({ id: 'Iteration', description: 'One turn of the loop: new labels, a candidate, the gate, a decision.' })
export type Iteration = z.output<typeof iteration>

const saved = { minutes: z.number(), money: z.number(), currency: z.string() }
export const summary = z.object({
  project: projectSchema,
  stages: z.object({
    needs: z.object({ kpi: z.string(), baseline: z.number().nullable(), target: z.number().nullable() }).nullable(),
    collect: z.object({ datasets: z.number(), rows: z.number(), labelled: z.record(z.string(), z.number()) }),
    prepare: z.object({ testRows: z.number(), keptOut: z.number() }).nullable(),
    train: z.object({ runs: z.number(), running: runSchema.nullable() }),
    evaluate: z.object({ version: z.string(), primary: z.record(z.string(), measuredSchema) }).nullable(),
    deploy: endpointSchema.nullable(),
    serve: z.object({ predictions: z.number(), predictionsLastHour: z.number(), errors: z.number() }),
    improve: z.object({
      feedback: z.number(),
      labels: z.number(),
      waiting: z.number(),
      setAside: z.number(),
      disagreements: z.number(),
      iterations: z.number(),
      running: iteration.nullable(),
    }),
  }),
  curve: z.array(
    z.object({
      iteration: z.number(),
      version: z.string(),
      labels: z.number(),
      feedbackLabels: z.number(),
      outputs: z.record(z.string(), measuredSchema),
      decision,
      at: timeText,
    }),
  ),
  value: z
    .object({
      output: z.string(),
      precision: z.number(),
      share: z.number(),
      threshold: z.number(),
      perItem: z.object(saved).nullable(),
      perMonth: z.object({ items: z.number(), ...saved }).nullable(),
      assumptions: z.array(z.string()),
    })
    .nullable(),
  channels: z.array(
    z.object({
      name: z.string(),
      predictions: z.number(),
      alone: z.number(),
      share: z.number(),
      minutes: z.number().nullable(),
      money: z.number().nullable(),
      labelled: z.number(),
      accuracy: z.number().nullable(),
    }),
  ),
})
export type Summary = z.output<typeof summary>

export const channelUses = pageOf(
  z.object({
    name: z.string(),
    keys: z.number().meta({ description: 'Keys of this project or of all, not revoked.' }),
    predictions: z.number(),
    feedback: z.number(),
    labels: z.number(),
    lastUsedAt: timeText.nullable(),
  }),
)
export type ChannelUses = z.output<typeof channelUses>

export const usageQuery = z.object({ from: time.optional(), to: time.optional() })
export const usage = z.object({
  items: z.array(
    z.object({
      channel: z.string(),
      version: z.string(),
      day: z.string(),
      predictions: z.number(),
      errors: z.number(),
      feedback: z.number(),
    }),
  ),
})
export const byIteration = z.object({ p: id, i: id })
