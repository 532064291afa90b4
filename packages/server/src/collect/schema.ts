import { z } from 'zod'
import { cell, id, name, row, time, timeText } from '../schema.js'

const provenance = {
  source: name.optional().meta({ description: 'Where the rows come from.' }),
  consent: name.optional().meta({ description: 'What the rows may be used for.' }),
  time: time.optional().meta({ description: 'When the rows arose; default now.' }),
  timeColumn: name.optional(),
  subjectColumn: name.optional().meta({ description: 'Column that names the person a row is about.' }),
  sourceColumn: name.optional(),
  consentColumn: name.optional(),
}
const mode = z.enum(['append', 'replace']).default('append')

export const upload = z.object({
  name: name
    .optional()
    .meta({ description: 'File name; its ending tells the format: csv tsv jsonl parquet, also .gz.' }),
  mode,
  ...provenance,
})
export type Upload = z.output<typeof upload>

export const newRows = z.strictObject({ rows: z.array(row).min(1).max(10_000), mode, ...provenance })
export type NewRows = z.output<typeof newRows>
export type Provenance = Omit<Upload, 'name' | 'mode'>

const rejected = z.object({
  count: z.number(),
  first: z.array(z.object({ line: z.number(), column: z.string().optional(), reason: z.string(), text: z.string() })),
})

export const dataset = z
  .object({
    id: z.string(),
    number: z.number(),
    sha256: z.string(),
    parent: z.string().nullable(),
    origin: z.enum(['upload', 'rows', 'feedback']),
    name: z.string().nullable(),
    rows: z.number(),
    added: z.number(),
    columns: z.array(z.object({ name: z.string(), type: z.string() })),
    labelled: z.record(z.string(), z.number()).meta({ description: 'Rows with a value, per output of the spec.' }),
    rejected,
    keptOut: z.number().meta({ description: 'Rows equal to a row of the frozen test set: they never train.' }),
    notes: z.array(z.string()),
    createdAt: timeText,
  })
  .meta({ id: 'Dataset', description: 'A dataset version: immutable, named by its content.' })
export type Dataset = z.output<typeof dataset>

export const datasetRow = z
  .object({
    row: z.number(),
    values: z.record(z.string(), cell),
    source: z.string(),
    time: timeText,
    subject: z.string().nullable(),
    consent: z.string().nullable(),
  })
  .meta({ id: 'DatasetRow', description: 'E-mail addresses and phone numbers are masked.' })

export const byDataset = z.object({ p: id, d: id })
