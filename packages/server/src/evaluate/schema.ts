import { z } from 'zod'
import { interval, metricValues, timeText } from '../schema.js'

const coverage = z.object({
  precision: z.number(),
  share: z
    .number()
    .meta({ description: 'Share of the test rows (0..1) that can be answered alone at this precision.' }),
  threshold: z.number().meta({ description: 'Least probability of a row answered alone.' }),
  reached: z.number().meta({ description: 'Share of those rows that are right.' }),
})
export type Coverage = z.output<typeof coverage>

const scored = z.object({
  rows: z.number(),
  metrics: z.record(z.string(), metricValues),
  intervals: z.record(z.string(), z.record(z.string(), interval)),
  primary: z.record(z.string(), z.string()),
  coverage: z.record(z.string(), coverage.nullable()),
})
export type Scored = z.output<typeof scored>

export const evaluation = scored
  .extend({ version: z.string(), testSet: z.string(), createdAt: timeText })
  .meta({ id: 'Evaluation', description: 'A model version measured on the frozen test set; intervals are of 95 %.' })
export type Evaluation = z.output<typeof evaluation>

/** One output's primary metric with its interval. */
export const measured = z.object({ metric: z.string(), value: z.number(), interval })
export type Measured = z.output<typeof measured>

export const gate = z
  .object({
    rows: z.number(),
    outputs: z.record(
      z.string(),
      z.object({
        metric: z.string(),
        champion: z.number(),
        candidate: z.number(),
        difference: z.number(),
        interval,
        weight: z.number(),
      }),
    ),
    difference: z.number(),
    interval,
  })
  .meta({ id: 'Gate', description: 'Paired bootstrap of candidate against champion on the frozen test set.' })
export type Gate = z.output<typeof gate>
