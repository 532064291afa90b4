import { missingColumn } from '../errors.js'
import type { Cell, Table } from '../table/table.js'
import { inferOutputType, isMissing, missingLabels } from '../types.js'
import { type ColumnProfile, profileColumn, topOf } from './column.js'
import { type LeakageSuspect, leakageSuspects } from './leakage.js'
import { countDuplicates, countOverlap, type Overlap } from './overlap.js'
import type { Profile, TargetProfile } from './report.js'
import { type Sample, sampleTable } from './sample.js'
import { warningsOf } from './warnings.js'

export interface ProfileOptions {
  /** Columns to predict: their balance, leakage and contradictions are reported. */
  targets?: readonly string[]
  /** Rows kept for testing: their overlap with the table is reported. */
  test?: Table
  /** Rows looked at, drawn evenly when the table has more; 200,000 by default. */
  sample?: number
  /** Of the draws; 42 by default. */
  seed?: number
  /** Share of a class's rows a word must stand in to come under suspicion, 0.9 by default; lower finds more, also honest words. */
  wordRecall?: number
}

const LISTED_CLASSES = 200

/**
 * Looks through a table: types, gaps, values, label balance, duplicates, columns that give the answer away, and rows
 * shared with a test table.
 * @throws VolantError missing-column when a target is not in the table
 */
export async function profile(table: Table, options: ProfileOptions = {}): Promise<Profile> {
  const { targets = [], test, sample: most = 200_000, seed = 42, wordRecall = 0.9 } = options
  const names = table.columns.map((column) => column.name)
  for (const target of targets) if (!names.includes(target)) throw missingColumn(target, names, `"${table.path}"`)
  const sample = await sampleTable(table, names, most, seed)
  const columns = names.map((name) => profileColumn(name, sample.columns[name]!))
  const inputs = columns
    .filter(({ name, type }) => !targets.includes(name) && type !== 'id' && type !== 'empty' && type !== 'constant')
    .map(({ name }) => name)
  const targetProfiles = targets.map((name) => profileTarget(name, sample.columns[name]!))
  const facts = {
    path: table.path,
    rows: table.rowCount,
    looked: sample.rows,
    rejectedCount: table.rejectedCount,
    rejected: [...table.rejected],
    notes: [...table.notes],
    columns,
    targets: targetProfiles,
    duplicates: countDuplicates(pick(sample, inputs.length > 0 ? inputs : names), pick(sample, targets)),
    leakage: targetProfiles.flatMap((target) => suspectsFor(target, targets, columns, sample, { seed, wordRecall })),
    overlap: test ? await overlapWith(test, inputs, sample, most, seed) : null,
  }
  return { ...facts, warnings: warningsOf(facts) }
}

function pick(sample: Sample, names: readonly string[]): Cell[][] {
  return names.map((name) => sample.columns[name]!)
}

function profileTarget(name: string, cells: readonly Cell[]): TargetProfile {
  const type = inferOutputType(cells)
  const counts = new Map<string, number>()
  const marks = new Set(missingLabels(cells))
  let missing = 0
  for (const cell of cells) {
    if (isMissing(cell) || (typeof cell === 'string' && marks.has(cell.trim()))) missing++
    else counts.set(String(cell).trim(), (counts.get(String(cell).trim()) ?? 0) + 1)
  }
  if (type === 'number') return { name, type, missing, classes: [], classCount: 0, singles: 0 }
  const labelled = cells.length - missing
  const classes = topOf(counts, LISTED_CLASSES).map(({ value, count }) => ({
    label: value,
    count,
    share: count / labelled,
  }))
  return {
    name,
    type,
    missing,
    classes,
    classCount: counts.size,
    singles: [...counts.values()].filter((count) => count === 1).length,
  }
}

function suspectsFor(
  target: TargetProfile,
  targets: readonly string[],
  columns: readonly ColumnProfile[],
  sample: Sample,
  draws: { seed: number; wordRecall: number },
): LeakageSuspect[] {
  const others = columns
    .filter(({ name }) => !targets.includes(name))
    .map(({ name, type }) => ({ name, type, cells: sample.columns[name]! }))
  // With as many classes as rows there is nothing to learn and nothing to leak.
  if (target.type === 'empty' || target.type === 'constant' || target.classCount > 1000) return []
  return leakageSuspects(
    target.name,
    target.type === 'number' ? 'numbers' : 'classes',
    sample.columns[target.name]!,
    others,
    draws,
  )
}

async function overlapWith(
  test: Table,
  inputs: readonly string[],
  sample: Sample,
  most: number,
  seed: number,
): Promise<Overlap> {
  const has = new Set(test.columns.map((column) => column.name))
  const shared = inputs.filter((name) => has.has(name))
  if (shared.length === 0) return { testRows: test.rowCount, exact: 0, normalised: 0 }
  const testSample = await sampleTable(test, shared, most, seed)
  return countOverlap(pick(sample, shared), pick(testSample, shared))
}
