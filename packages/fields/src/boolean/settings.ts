import { z } from 'zod'
import { lossWeight } from '../spec/weight.js'

export const booleanInputSettings = z.strictObject({ type: z.literal('boolean') })

export const booleanOutputSettings = z.strictObject({ type: z.literal('boolean'), weight: lossWeight })
