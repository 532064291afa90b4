import { z } from 'zod'
import { evaluationSchema } from '../evaluate/index.js'
import { id, name, note, timeText } from '../schema.js'

const timeLimit = z.string().regex(/^\d+(\.\d+)?(s|m|h)$/, { error: 'expected a time such as 90s, 5m or 1h' })
const seed = z
  .number()
  .int()
  .min(0)
  .max(2 ** 31 - 1)

export const newRun = z.strictObject({
  dataset: id.default('latest'),
  spec: z.record(z.string(), z.unknown()).optional().meta({ description: "Default: the project's spec." }),
  inputs: z.array(name).min(1).optional(),
  outputs: z.array(name).min(1).optional().meta({ description: 'Columns to predict, when there is no spec.' }),
  seed: seed.optional(),
  timeLimit: timeLimit.optional(),
  encoder: z.string().max(40).optional(),
  note: note.optional(),
})
export type NewRun = z.output<typeof newRun>

export const jobState = z.enum(['waiting', 'running', 'done', 'failed', 'cancelled'])
const progress = z.object({
  share: z.number().nullable(),
  stage: z.string().nullable(),
  secondsLeft: z.number().nullable(),
})

export const run = z
  .object({
    id: z.string(),
    state: jobState,
    reason: z.string().nullable(),
    progress,
    dataset: z.string(),
    spec: z.record(z.string(), z.unknown()).nullable(),
    version: z.string().nullable(),
    attempt: z.number(),
    note: z.string().nullable(),
    createdAt: timeText,
    startedAt: timeText.nullable(),
    endedAt: timeText.nullable(),
  })
  .meta({ id: 'Run', description: 'One training.' })
export type Run = z.output<typeof run>

const json = z.unknown()

export const modelVersion = z
  .object({
    id: z.string(),
    number: z.number(),
    run: z.string(),
    dataset: z.string(),
    parent: z.string().nullable(),
    spec: z.record(z.string(), z.unknown()),
    metrics: json,
    intervals: json,
    baselines: json,
    chosen: json,
    notes: z.array(z.string()),
    evaluation: evaluationSchema.nullable(),
    trainedOn: z.object({
      rows: z.number(),
      labelled: z.record(z.string(), z.number()),
      feedback: z.number(),
      keptOut: z.number(),
    }),
    seconds: z.number(),
    parameters: z.number(),
    createdAt: timeText,
    live: z.array(z.string()).meta({ description: 'Endpoints on which this version answers.' }),
  })
  .meta({ id: 'ModelVersion', description: 'A trained model with its lineage: run, dataset version, spec, parent.' })
export type ModelVersion = z.output<typeof modelVersion>

export const logLines = z.object({
  lines: z.array(z.object({ n: z.number(), at: timeText, text: z.string() })),
  next: z.number(),
})
export const logQuery = z.object({ after: z.coerce.number().int().min(0).default(0) })
export const byRun = z.object({ p: id, r: id })
export const byVersion = z.object({ p: id, v: id })
