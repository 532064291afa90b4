import {
  inferOutputType,
  inferType,
  isMissing,
  type LeakageSuspect,
  missingLabels,
  parseNumber,
  profile,
  type Table,
  VolantError,
} from '@volant/data'
import type { FieldTypeName } from '../registry.js'
import { parseSpec } from './parse.js'
import type { Spec, SpecInput } from './schema.js'

export interface InferOptions {
  /** The columns to read; by default all but id-like, constant, empty and label-giving ones. */
  inputs?: readonly string[]
  outputs: readonly string[]
  train?: SpecInput['train']
}

export interface InferredSpec {
  spec: Spec
  /** What was decided and why, one sentence each. */
  notes: string[]
  leftOut: LeftOutColumn[]
}

export interface LeftOutColumn {
  column: string
  reason: string
  /** The option of `volant train` that brings the column back. */
  flag: string
}

type Columns = Awaited<ReturnType<Table['toColumns']>>

/** Makes a spec for a table: types from the cells, inputs by the rules of `InferOptions`. Throws VolantError. */
export async function inferSpec(table: Table, options: InferOptions): Promise<InferredSpec> {
  const names = table.columns.map(({ name }) => name)
  const outputs = [...new Set(options.outputs)]
  if (outputs.length === 0) {
    throw new VolantError(
      'no-outputs',
      `Name what is to be predicted with --outputs; the columns are ${names.slice(0, 20).join(', ')}.`,
      { columns: names.slice(0, 100) },
    )
  }
  const named = options.inputs && [...new Set(options.inputs)]
  const wanted = named ?? names.filter((name) => !outputs.includes(name))
  const columns = await table.toColumns([...outputs, ...wanted])
  if (table.rowCount === 0) throw new VolantError('empty-file', `"${table.path}" has no rows.`, { path: table.path })
  const outputTypes = Object.fromEntries(outputs.map((name) => [name, outputOf(name, columns[name]!)]))
  const suspects = named ? [] : (await profile(table, { targets: outputs })).leakage
  const { types, reasons } = inputTypes(wanted, columns, suspects, named !== undefined)
  if (Object.keys(types).length === 0) {
    throw new VolantError(
      'no-inputs',
      `No column is left to learn from: ${explain(reasons)}; name the inputs with --inputs.`,
      { columns: wanted },
    )
  }
  const kept = Object.keys(types).join(',')
  const leftOut = Object.entries(reasons).map(([column, reason]) => ({
    column,
    reason,
    flag: kept.length <= 100 ? `--inputs ${kept},${column}` : `--inputs …,${column}`,
  }))
  const notes = [...toldLeftOut(leftOut), ...toldTogether(toldWords(suspects, Object.keys(types)))]
  const spec = parseSpec({ inputs: types, outputs: outputTypes, train: options.train ?? {} })
  return { spec, notes, leftOut }
}

function outputOf(name: string, cells: Columns[string]): SpecInput['outputs'][string] {
  const type = inferOutputType(cells)
  if (type === 'empty') {
    throw new VolantError('empty-column', `Output column "${name}" is empty: no row has a label to learn from.`, {
      column: name,
    })
  }
  if (type === 'constant') {
    const marks = missingLabels(cells)
    const found = cells.find((cell) => !isMissing(cell) && !marks.includes(String(cell).trim()))
    throw new VolantError(
      'one-class',
      `Output column "${name}" has one class only ("${found}" in every labelled row); at least two are needed.`,
      { column: name },
    )
  }
  const missing = type === 'category' ? missingLabels(cells) : []
  return missing.length > 0 ? { type: 'category', missing } : type
}

const reasonsByType: Record<string, string> = {
  id: 'id-like, with another value in (almost) every row',
  constant: 'constant, with one value only',
  empty: 'empty',
}

function inputTypes(wanted: readonly string[], columns: Columns, suspects: readonly LeakageSuspect[], named: boolean) {
  const types: Record<string, FieldTypeName> = {}
  const reasons: Record<string, string> = {}
  for (const name of wanted) {
    const type = inferType(columns[name]!)
    const reason = named ? undefined : (reasonsByType[type] ?? labelGiving(suspects, name))
    if (reason === undefined) types[name] = asField(type, columns[name]!)
    else reasons[name] = reason
  }
  return { types, reasons }
}

/** A column whose values alone tell an output; one word of a text that does so is only told. */
function labelGiving(suspects: readonly LeakageSuspect[], column: string): string | undefined {
  const suspect = suspects.find((each) => each.column === column && each.kind !== 'word')
  return suspect && `it gives "${suspect.target}" away (${suspect.evidence})`
}

function toldWords(suspects: readonly LeakageSuspect[], inputs: readonly string[]): string[] {
  const told = suspects.filter(({ kind, column }) => kind === 'word' && inputs.includes(column))
  return told.map(({ target, column, evidence }) => `Column "${column}" may give "${target}" away: ${evidence}.`)
}

/** So many columns are told one by one; of more the first are named, with their number. */
const told = 5

/** What was left out and why, a sentence each column; one for all that share a reason when they are many. */
function toldLeftOut(leftOut: readonly LeftOutColumn[]): string[] {
  const byReason = new Map<string, LeftOutColumn[]>()
  for (const each of leftOut) {
    // What gives the answer away has evidence of its own.
    const reason = each.reason.replace(/ \(.*$/s, '')
    const same = byReason.get(reason)
    if (same) same.push(each)
    else byReason.set(reason, [each])
  }
  return [...byReason].flatMap(([reason, columns]) => {
    if (columns.length > told) {
      const names = columns.slice(0, told).map(({ column }) => `"${column}"`)
      const more = columns.length - told
      const each = reason.replace(/^it gives/, 'each gives')
      return [
        `${columns.length} columns are left out, ${names.join(', ')} and ${more} more: ${each}; bring one back by naming it in --inputs.`,
      ]
    }
    return columns.map(
      ({ column, reason, flag }) => `Column "${column}" is left out: ${reason}; bring it back with ${flag}.`,
    )
  })
}

function toldTogether(sentences: string[]): string[] {
  const more = sentences.length - told
  return more <= 0 ? sentences : [...sentences.slice(0, told), `${more} more columns have words that may do so.`]
}

/** The type of a column that was asked for by name, whatever it looks like. */
function asField(type: ReturnType<typeof inferType>, cells: Columns[string]): FieldTypeName {
  if (type !== 'id' && type !== 'constant' && type !== 'empty') return type
  const present = cells.filter((cell) => !isMissing(cell))
  if (type === 'empty') return 'text'
  if (present.every((cell) => parseNumber(cell) !== undefined)) return 'number'
  return present.some((cell) => String(cell).trim().includes(' ')) ? 'text' : 'category'
}

function explain(reasons: Readonly<Record<string, string>>): string {
  const all = Object.entries(reasons).map(([column, reason]) => `"${column}": ${reason}`)
  return (
    all.slice(0, 5).join(', ') + (all.length > 5 ? ` and ${all.length - 5} more` : '') ||
    'the table has no other column'
  )
}
