import { z } from 'zod'
import { id, timeText } from '../schema.js'

export const newTestSet = z.strictObject({
  dataset: id.default('latest'),
  share: z.number().gt(0).lt(1).default(0.2).meta({ description: 'Share of the labelled rows.' }),
  seed: z
    .number()
    .int()
    .min(0)
    .max(2 ** 31 - 1)
    .default(42),
})
export type NewTestSet = z.output<typeof newTestSet>

export const testSet = z
  .object({
    id: z.string(),
    rows: z.number(),
    sha256: z.string(),
    labelled: z.record(z.string(), z.number()),
    origin: z.enum(['upload', 'share']),
    createdAt: timeText,
  })
  .meta({ id: 'TestSet', description: 'The frozen test set: defined once, it never feeds training.' })
export type TestSet = z.output<typeof testSet>

export const profiled = z.object({ dataset: z.string(), profile: z.record(z.string(), z.unknown()) })
