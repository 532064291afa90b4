import { z } from 'zod'
import { lossWeight } from '../spec/weight.js'

export const categoryInputSettings = z.strictObject({
  type: z.literal('category'),
  minCount: z.int().min(1).default(1).describe('Values seen in fewer rows count as unknown.'),
  maxValues: z
    .int()
    .min(1)
    .max(100_000)
    .default(10_000)
    .describe('Only this many values, the most frequent ones, are kept.'),
})

export const categoryOutputSettings = z.strictObject({
  type: z.literal('category'),
  weight: lossWeight,
  positive: z
    .string()
    .optional()
    .describe('The class that precision, recall and F1 are about, of two; else true, yes or 1, else the rarer one.'),
  missing: z.array(z.string()).optional().describe('Values that stand for no label, such as NA beside 0 and 1.'),
})

export type CategoryOutputSettings = z.infer<typeof categoryOutputSettings>
