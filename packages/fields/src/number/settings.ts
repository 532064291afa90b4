import { z } from 'zod'
import { lossWeight } from '../spec/weight.js'

export const numberInputSettings = z.strictObject({
  type: z.literal('number'),
  bins: z
    .int()
    .min(1)
    .max(512)
    .default(32)
    .describe('At most this many quantile bins of the piecewise-linear encoding.'),
})

export const numberOutputSettings = z.strictObject({
  type: z.literal('number'),
  weight: lossWeight,
})
