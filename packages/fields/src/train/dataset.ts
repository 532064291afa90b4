import { type Cell, duplicateKeys, nearestName, type Table, VolantError } from '@volant/data'
import { UnreadableCell } from '../field.js'
import { inputType, outputType } from '../registry.js'
import type { Spec } from '../spec/schema.js'

/** Rows read by the fields of a spec, in memory; null = missing. */
export interface Dataset {
  readonly rows: number
  readonly inputs: Readonly<Record<string, readonly unknown[]>>
  readonly labels: Readonly<Record<string, readonly unknown[]>>
  /** Equal for rows with (nearly) equal inputs. */
  readonly keys: readonly string[]
}

/** The rows at the given places, in that order. */
export function pick(data: Dataset, places: readonly number[]): Dataset {
  const some = (columns: Dataset['inputs']) =>
    Object.fromEntries(Object.entries(columns).map(([name, values]) => [name, places.map((place) => values[place]!)]))
  return {
    rows: places.length,
    inputs: some(data.inputs),
    labels: some(data.labels),
    keys: places.map((place) => data.keys[place]!),
  }
}

/** One data set after the other. */
export function join(first: Dataset, second: Dataset): Dataset {
  const both = (a: Dataset['inputs'], b: Dataset['inputs']) =>
    Object.fromEntries(Object.keys(a).map((name) => [name, [...a[name]!, ...b[name]!]]))
  return {
    rows: first.rows + second.rows,
    inputs: both(first.inputs, second.inputs),
    labels: both(first.labels, second.labels),
    keys: [...first.keys, ...second.keys],
  }
}

/**
 * Reads the columns of a spec from a table. An input cell that cannot be read counts as missing and is told in `note`;
 * a column of which most cells cannot be read, and an unreadable label, are refused.
 */
export async function readDataset(table: Table, spec: Spec, note: (message: string) => void): Promise<Dataset> {
  const names = [...Object.keys(spec.inputs), ...Object.keys(spec.outputs)]
  const known = new Set(table.columns.map((column) => column.name))
  for (const name of names) requireColumn(table, known, name)
  if (table.rowCount === 0) throw new VolantError('empty-file', `"${table.path}" has no rows.`, { path: table.path })
  const columns = await table.toColumns(names)
  const [unread, stray] = [new Sentences(note), new Sentences(note)]
  const inputs: Record<string, unknown[]> = {}
  const missing: [string, number][] = []
  for (const [name, settings] of Object.entries(spec.inputs)) {
    const type = inputType(settings.type)
    const read = readColumn(columns[name]!, (cell) => type.read(cell, settings))
    tellUnreadable(name, read, unread)
    if (read.missing > 0 && read.missing < table.rowCount) missing.push([name, read.missing])
    inputs[name] = read.values
  }
  unread.end((more) => `In ${more} more columns some cells cannot be read either; these count as missing.`)
  tellMissing(table, missing, note)
  const labels: Record<string, unknown[]> = {}
  for (const [name, settings] of Object.entries(spec.outputs)) {
    const read = readColumn(columns[name]!, (cell) => outputType(settings.type).read(cell, settings))
    if (read.unreadable > 0) throw unreadable('Output column', name, read)
    labels[name] = read.values
  }
  const trimmed = Object.entries({ ...spec.inputs, ...spec.outputs }).filter(([, { type }]) => type !== 'text')
  for (const [name] of trimmed) tellStraySpaces(name, columns[name]!, stray)
  stray.end((more) => `In ${more} more columns spaces at the start or end of cells are trimmed.`)
  const texts = Object.keys(spec.inputs).map((name) => columns[name]!)
  return { rows: table.rowCount, inputs, labels, keys: duplicateKeys(texts, { normalised: true }) }
}

/** One sentence a column for the first columns, and one for the rest of them. */
class Sentences {
  private count = 0
  constructor(private readonly note: (message: string) => void) {}

  add(message: string): void {
    if (this.count++ < toldColumns) this.note(message)
  }

  end(rest: (more: number) => string): void {
    if (this.count > toldColumns) this.note(rest(this.count - toldColumns))
  }
}

const toldColumns = 10

function requireColumn(table: Table, known: ReadonlySet<string>, name: string): void {
  if (known.has(name)) return
  const names = [...known]
  const nearest = nearestName(name, names)
  const hint = nearest === undefined ? `its columns are ${names.slice(0, 20).join(', ')}` : `did you mean "${nearest}"?`
  throw new VolantError('missing-column', `"${table.path}" has no column "${name}"; ${hint}`, { column: name, nearest })
}

interface ReadColumn {
  readonly values: unknown[]
  readonly missing: number
  readonly unreadable: number
  readonly first?: UnreadableCell
}

function readColumn(cells: readonly Cell[], read: (cell: Cell) => unknown): ReadColumn {
  let missing = 0
  let unreadable = 0
  let first: UnreadableCell | undefined
  const values = cells.map((cell) => {
    try {
      const value = read(cell)
      if (value === null) missing++
      return value
    } catch (error) {
      if (!(error instanceof UnreadableCell)) throw error
      first ??= error
      unreadable++
      return null
    }
  })
  return { values, missing, unreadable, first }
}

function tellUnreadable(name: string, read: ReadColumn, sentences: Sentences): void {
  const rows = read.values.length
  if (read.unreadable * 2 > rows - read.missing) throw unreadable('Column', name, read)
  if (read.unreadable > 0) {
    sentences.add(
      `Column "${name}": ${read.first!.message} in ${read.unreadable} of ${rows} rows; these count as missing.`,
    )
  }
}

function tellMissing(table: Table, missing: [string, number][], note: (message: string) => void): void {
  if (missing.length === 0) return
  const listed = missing.slice(0, 10).map(([name, count]) => `"${name}" in ${count}`)
  const more = missing.length > 10 ? ` and ${missing.length - 10} more inputs` : ''
  note(`"${table.path}": of ${table.rowCount} rows these inputs are missing: ${listed.join(', ')}${more}.`)
}

function tellStraySpaces(name: string, cells: readonly Cell[], sentences: Sentences): void {
  const count = cells.filter((cell) => typeof cell === 'string' && cell !== '' && cell.trim() !== cell).length
  if (count > 0) sentences.add(`Column "${name}": spaces at the start or end of ${count} cells are trimmed.`)
}

function unreadable(what: string, name: string, { unreadable: count, values, first }: ReadColumn): VolantError {
  const message = `${what} "${name}": ${first!.message} in ${count} of ${values.length} rows; correct them, leave them empty, or give the column another type in the spec.`
  return new VolantError('bad-value', message, {
    column: name,
    expected: first!.expected,
    found: first!.found,
    rows: count,
  })
}
