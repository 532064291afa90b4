import { maskContacts, type Row } from '@volant/data'

/** The row as it may be shown: e-mail addresses and phone numbers are masked. */
export function maskRow(row: Row): Row {
  return Object.fromEntries(
    Object.entries(row).map(([name, value]) => [name, typeof value === 'string' ? maskContacts(value) : value]),
  )
}

/** The same for any JSON that carries texts of rows. */
export function maskJson(value: unknown): unknown {
  if (typeof value === 'string') return maskContacts(value)
  if (Array.isArray(value)) return value.map(maskJson)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, maskJson(inner)]))
}
