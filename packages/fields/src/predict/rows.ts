import type { Row } from '@volant/data'
import { UnreadableCell } from '../field.js'
import { inputType } from '../registry.js'
import type { Spec } from '../spec/schema.js'

export interface ReadRows {
  /** Values of the readable rows, by input. */
  readonly inputs: Record<string, unknown[]>
  /** For each readable row its place among the given ones. */
  readonly places: number[]
  readonly errors: { row: number; message: string }[]
}

/** Reads the inputs of rows as they come from users; a row that cannot be read is named and left out. */
export function readRows(spec: Spec, rows: readonly Row[]): ReadRows {
  const fields = Object.entries(spec.inputs).map(([name, settings]) => ({
    name,
    settings,
    type: inputType(settings.type),
  }))
  const read: ReadRows = { inputs: Object.fromEntries(fields.map(({ name }) => [name, []])), places: [], errors: [] }
  rows.forEach((row, place) => {
    try {
      const values = readRow(fields, row)
      fields.forEach(({ name }, at) => {
        read.inputs[name]!.push(values[at])
      })
      read.places.push(place)
    } catch (error) {
      if (!(error instanceof BadRow)) throw error
      read.errors.push({ row: place, message: error.message })
    }
  })
  return read
}

class BadRow extends Error {}

interface Field {
  readonly name: string
  readonly settings: Spec['inputs'][string]
  readonly type: ReturnType<typeof inputType>
}

function readRow(fields: readonly Field[], row: Row): unknown[] {
  if (typeof row !== 'object' || row === null || Array.isArray(row)) {
    throw new BadRow(
      `expected an object with ${listed(fields)}, found ${JSON.stringify(row)?.slice(0, 80) ?? 'nothing'}`,
    )
  }
  if (!fields.some(({ name }) => Object.hasOwn(row, name))) {
    throw new BadRow(
      `the row has none of the inputs ${listed(fields)}; found ${Object.keys(row).slice(0, 10).join(', ') || 'nothing'}`,
    )
  }
  return fields.map(({ name, settings, type }) => {
    const cell = Object.hasOwn(row, name) ? row[name] : null
    if (typeof cell === 'object' && cell !== null)
      throw new BadRow(`input "${name}": expected one value, found an object`)
    try {
      return type.read(cell, settings)
    } catch (error) {
      if (error instanceof UnreadableCell) throw new BadRow(`input "${name}": ${error.message}`)
      throw error
    }
  })
}

function listed(fields: readonly Field[]): string {
  const more = fields.length - 20
  const names = fields.slice(0, 20).map(({ name }) => `"${name}"`)
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '')
}
