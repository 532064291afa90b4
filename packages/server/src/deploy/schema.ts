import { z } from 'zod'
import { id, timeText } from '../schema.js'

export const endpointName = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'expected small letters, digits and "-", at most 63' })
const share = z.number().min(0).max(1).meta({ description: 'Share of the traffic (0..1).' })

export const newEndpoint = z.strictObject({
  champion: id,
  challenger: z.strictObject({ version: id, share }).nullable().optional(),
  shadow: id.nullable().optional(),
})
export type NewEndpoint = z.output<typeof newEndpoint>

export const promotion = z.strictObject({ version: id.optional() }).prefault({})

export const endpoint = z
  .object({
    name: z.string(),
    champion: z.string(),
    challenger: z.object({ version: z.string(), share: z.number() }).nullable(),
    shadow: z.string().nullable(),
    previous: z.array(z.string()).meta({ description: 'Earlier champions, newest first.' }),
    updatedAt: timeText,
  })
  .meta({ id: 'Endpoint' })
export type Endpoint = z.output<typeof endpoint>

export const byEndpoint = z.object({ p: id, e: endpointName })
