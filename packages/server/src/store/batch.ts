import { type Kysely, type RawBuilder, sql } from 'kysely'
import type { Tables } from './tables.js'

/** Types of columns that `insertMany` fills. */
export type ColumnType = 'text' | 'jsonb' | 'timestamptz' | 'boolean' | 'float8' | 'int4' | 'int8' | 'bytea'

/** A value as jsonb. PostgreSQL refuses NUL and lone surrogates in jsonb: they become U+FFFD. */
export function json<T = unknown>(value: T): RawBuilder<T> {
  return sql`${jsonText(value)}::jsonb`
}

/** A value for a column of type json, which keeps the order of keys (jsonb does not). */
export function orderedJson<T = unknown>(value: T): RawBuilder<T> {
  return sql`${jsonText(value)}::json`
}

/**
 * Inserts rows by one statement (`unnest`: twice as fast as a list of values). `columns` gives each column's type; a
 * missing value is null. With `onConflict` (column names) rows that are there already are left as they are.
 * Returns how many rows are new. Keep it to about 1,000 rows a call.
 */
export async function insertMany(
  db: Kysely<Tables>,
  table: keyof Tables & string,
  columns: Readonly<Record<string, ColumnType>>,
  rows: readonly Readonly<Record<string, unknown>>[],
  { onConflict }: { onConflict?: string | readonly string[] } = {},
): Promise<number> {
  if (rows.length === 0) return 0
  const names = Object.keys(columns)
  const arrays = names.map((name) => rows.map((row) => asText(row[name], columns[name]!)))
  const conflict = onConflict === undefined ? [] : [onConflict].flat()
  const { numAffectedRows } = await sql`
    insert into ${sql.table(table)} (${sql.join(names.map((name) => sql.ref(name)))})
    select ${sql.join(names.map((name) => sql`${sql.ref(name)}::${sql.raw(columns[name]!)}`))}
    from unnest(${sql.join(arrays.map((values) => sql`${values}::text[]`))}) as r(${sql.join(names.map((name) => sql.ref(name)))})
    ${conflict.length ? sql`on conflict (${sql.join(conflict.map((name) => sql.ref(name)))}) do nothing` : sql``}
  `.execute(db)
  return Number(numAffectedRows ?? 0)
}

/** Text that PostgreSQL reads as a value of `type`; one form for both databases. */
function asText(value: unknown, type: ColumnType): string | null {
  if (value === undefined || value === null) return null
  if (type === 'jsonb') return jsonText(value)
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  return clean(String(value))
}

function jsonText(value: unknown): string {
  const text = JSON.stringify(value) ?? 'null'
  if (!/\\u(0000|d[89a-f])/.test(text)) return text
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (typeof inner === 'string') return clean(inner)
    if (typeof inner !== 'object' || inner === null || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).map(([key, item]) => [clean(key), item]))
  })
}

function clean(text: string): string {
  return text.replaceAll('\0', '\uFFFD').toWellFormed()
}
