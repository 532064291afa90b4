import { z } from 'zod'
import { name, note, timeText } from '../schema.js'

const amount = z.number().min(0).max(1e12)

const need = z
  .object({
    forWhom: note.meta({ description: 'Whom it serves.' }),
    kpi: note.meta({ description: 'The figure that should move.' }),
    baseline: z.number().optional(),
    target: z.number().optional(),
    unit: name.optional(),
    worth: z
      .object({
        minutesPerItem: amount.meta({ description: 'Minutes of work that one item answered alone saves.' }),
        costPerHour: amount.meta({ description: 'What an hour of that work costs.' }),
        currency: z.string().regex(/^[A-Z]{3}$/, { error: 'expected three capital letters such as EUR' }),
        itemsPerMonth: amount.optional(),
      })
      .optional()
      .meta({ description: 'What one item is worth.' }),
  })
  .meta({ id: 'Need' })

export type Need = z.output<typeof need>

/** A spec as JSON; `parseSpec` of fields checks what is in it. */
const spec = z.record(z.string(), z.unknown()).meta({ description: 'The declarative model: inputs, outputs, train.' })
const classes = z.record(z.string(), z.array(z.string().min(1).max(500)).max(10_000))

const slug = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, { error: 'expected small letters, digits and "-", at most 63' })

export const newProject = z.strictObject({
  id: slug.optional(),
  name,
  need: need.optional(),
  spec: spec.optional(),
  classes: classes.optional(),
})
export const projectChange = z.strictObject({
  name: name.optional(),
  need: need.nullable().optional(),
  spec: spec.nullable().optional(),
  classes: classes.nullable().optional(),
})
export type NewProject = z.output<typeof newProject>
export type ProjectChange = z.output<typeof projectChange>

export const project = z
  .object({
    id: z.string(),
    name: z.string(),
    need: need.nullable(),
    spec: spec.nullable(),
    classes: classes.nullable(),
    createdAt: timeText,
    updatedAt: timeText,
  })
  .meta({ id: 'Project' })
export type Project = z.output<typeof project>
