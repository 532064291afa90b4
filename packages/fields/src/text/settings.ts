import { z } from 'zod'

export const textInputSettings = z.strictObject({
  type: z.literal('text'),
  maxCharacters: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(20_000)
    .describe('Only this many characters of a text are read, from its start.'),
})

export type TextInputSettings = z.infer<typeof textInputSettings>
