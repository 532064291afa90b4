import { z } from 'zod'
import { refuse } from './errors.js'

/** Text that every store can keep: no NUL, no half of a surrogate pair. */
const storable = (value: string): boolean => !value.includes('\u0000') && value.isWellFormed()
const textOf = (most: number) =>
  z
    .string()
    .max(most)
    .refine(storable, { error: 'has a character that cannot be stored (NUL or half a surrogate pair)' })

export const name = textOf(200).min(1)
export const note = textOf(4000)
/** An id that we gave out, or an alias such as `latest`. */
export const id = z.string().regex(/^[A-Za-z0-9_.-]{1,80}$/, { error: 'is not an id (letters, digits, "_", "-", ".")' })
/** An id of the client's own making. */
export const clientId = textOf(200).min(1)
export const time = z.iso.datetime({ offset: true, error: 'expected an ISO 8601 time such as 2026-01-31T12:00:00Z' })
export const timeText = z.string().meta({ format: 'date-time' })
export const cell = z.union([z.string(), z.number(), z.boolean(), z.null()])
/** Most characters of a text in a row, as in files. */
const CELL = 5_000_000
const columnName = textOf(1000).min(1)
export const row = z.record(columnName, z.union([z.string().max(CELL), z.number(), z.boolean(), z.null()]))
export const label = z.union([z.string(), z.number(), z.boolean()])

export const byProject = z.object({ p: id })
export const paging = z.object({ limit: z.coerce.number().int().min(1).max(200).default(50), after: id.optional() })
export type Paging = z.output<typeof paging>

export interface Page<T> {
  items: T[]
  next: string | null
}

export const pageOf = <T extends z.ZodType>(item: T) => z.object({ items: z.array(item), next: z.string().nullable() })

/** Cuts one row more than asked into a page; `key` of its last row is where the next page starts. */
export function cutPage<T>(rows: T[], limit: number, key: (row: T) => string): Page<T> {
  const items = rows.slice(0, limit)
  return { items, next: rows.length > limit ? key(items.at(-1)!) : null }
}

/** The cursor of listings ordered by a number. */
export function numberAfter(after: string | undefined): number {
  if (after === undefined) return 2 ** 31 - 1
  const value = Number(after)
  if (!Number.isSafeInteger(value) || value < 0 || value >= 2 ** 31)
    throw refuse('bad-cursor', `after=${after} was not given out by this listing.`)
  return value
}

export const interval = z.tuple([z.number(), z.number()])
export const metricValues = z.record(z.string(), z.number())

export const problem = z
  .looseObject({
    type: z.string(),
    title: z.string(),
    status: z.number(),
    code: z.string(),
    detail: z.string(),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem document.' })
