import { z } from 'zod'
import { endpointName } from '../deploy/index.js'
import { cell, clientId, id, paging, time, timeText } from '../schema.js'

export const predictRequest = z.strictObject({
  rows: z
    .array(z.union([z.record(z.string(), z.unknown()), z.unknown()]))
    .min(1)
    .meta({ description: 'Objects with the inputs. A row of another shape is answered with an error in its place.' }),
  endpoint: endpointName.optional(),
  subject: clientId
    .optional()
    .meta({ description: 'The person the rows are about; keeps to one side of a traffic split.' }),
  at: time.optional(),
})
export type PredictRequest = z.output<typeof predictRequest>

export const outputs = z.record(
  z.string(),
  z.object({
    value: z.union([z.string(), z.number(), z.boolean()]),
    probability: z.number().optional(),
    probabilities: z.record(z.string(), z.number()).optional(),
  }),
)
export type Outputs = z.output<typeof outputs>

const answer = z.object({ id: z.string(), version: z.string(), outputs })
const rowError = z.object({ error: z.object({ row: z.number(), message: z.string() }) })
export const predictAnswer = z.object({ predictions: z.array(z.union([answer, rowError])) })
export type PredictAnswer = z.output<typeof predictAnswer>

export const prediction = z
  .object({
    id: z.string(),
    version: z.string(),
    endpoint: z.string(),
    role: z.enum(['champion', 'challenger', 'shadow']),
    channel: z.string(),
    subject: z.string().nullable(),
    at: timeText,
    inputs: z.record(z.string(), cell),
    outputs,
  })
  .meta({ id: 'Prediction', description: 'E-mail addresses and phone numbers in the inputs are masked.' })
export type Prediction = z.output<typeof prediction>

export const predictionsQuery = paging.extend({
  channel: z.string().max(200).optional(),
  version: id.optional(),
  endpoint: endpointName.optional(),
})
export type PredictionsQuery = z.output<typeof predictionsQuery>
export const byPrediction = z.object({ p: id, id })

const field = z.object({
  name: z.string(),
  type: z.string(),
  classes: z.array(z.string()).optional(),
  positive: z.string().optional(),
})
export const form = z
  .object({ version: z.string().nullable(), inputs: z.array(field), outputs: z.array(field) })
  .meta({ id: 'Form', description: 'What to make a form of to try the model, and label buttons.' })
