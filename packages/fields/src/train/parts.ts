import { type Cell, type Split, split, type Table, VolantError } from '@volant/data'
import type { Spec } from '../spec/schema.js'
import { type Dataset, join, pick, readDataset } from './dataset.js'

export interface Parts {
  readonly train: Dataset
  /** Without rows when nothing is kept back to choose with. */
  readonly valid: Dataset
  readonly test: Dataset | null
  readonly report: SplitReport
}

export interface SplitReport {
  /** Rows of each part. */
  train: number
  valid: number
  test: number
  /** Shares the data file was divided by; null when it is all for training. */
  ratios: [number, number, number] | null
  /** Rows that have the same inputs as another row of the data file; they were kept on one side. */
  duplicatesTogether: number
  /** Rows of given files whose inputs also occur in training. */
  overlap: { valid: number; test: number }
}

export interface Sources {
  readonly data: Table
  readonly valid?: Table
  readonly test?: Table
}

/** Reads the files and divides them by the rules: 80/10/10, 90/10 when one part is given, nothing when both are. */
export async function readParts(sources: Sources, spec: Spec, note: (message: string) => void): Promise<Parts> {
  const ratios = ratiosFor(sources, spec)
  const all = withLabels(await readDataset(sources.data, spec, note), sources.data, note)
  const given = {
    valid: sources.valid ? withLabels(await readDataset(sources.valid, spec, note), sources.valid, note) : null,
    test: sources.test ? withLabels(await readDataset(sources.test, spec, note), sources.test, note) : null,
  }
  const stratify = Object.values(all.labels) as Cell[][]
  const places = ratios
    ? split(all.rows, { ratios, seed: spec.train.seed, stratify, groups: all.keys })
    : { train: Array.from({ length: all.rows }, (_, row) => row), valid: [], test: [] }
  const train = pick(all, places.train)
  const valid = given.valid ?? pick(all, places.valid)
  const test = given.test ?? (places.test.length > 0 ? pick(all, places.test) : null)
  tellEmptyParts(places, ratios, note)
  const overlap = { valid: shared(train, given.valid), test: shared(train, given.test) }
  for (const [part, rows] of Object.entries(overlap)) {
    if (rows > 0) note(`${rows} rows of the ${part} file also occur in the training rows; nothing was changed.`)
  }
  return {
    train,
    valid,
    test,
    report: {
      train: train.rows,
      valid: valid.rows,
      test: test?.rows ?? 0,
      ratios,
      duplicatesTogether: all.rows - new Set(all.keys).size,
      overlap,
    },
  }
}

/** Rows with equal inputs stay together, and a class's only rows in training: little may be left to judge by. */
function tellEmptyParts(places: Split, ratios: readonly number[] | null, note: (message: string) => void): void {
  const empty = (['valid', 'test'] as const).filter((part, at) => ratios?.[at + 1] && places[part].length === 0)
  if (empty.length === 0) return
  const parts = `${empty.join(' and ')} part${empty.length > 1 ? 's' : ''}`
  note(`Rows with equal inputs stay together and every class is needed in training: no row is left for the ${parts}.`)
}

/** Rows to train the shipped model on: train and valid. */
export function refitRows(parts: Parts): Dataset {
  return parts.valid.rows > 0 ? join(parts.train, parts.valid) : parts.train
}

function ratiosFor({ valid, test }: Sources, spec: Spec): [number, number, number] | null {
  const asked = spec.train.split
  if (asked) {
    const clash = valid && asked[1] > 0 ? 'valid' : test && asked[2] > 0 ? 'test' : null
    if (clash) {
      throw new VolantError(
        'split-conflict',
        `The split asks for a ${clash} part (${asked.join(', ')}) but a ${clash} file is given; leave out one of the two.`,
        { part: clash, split: asked },
      )
    }
    return asked
  }
  if (valid && test) return null
  if (test) return [0.9, 0.1, 0]
  if (valid) return [0.9, 0, 0.1]
  return [0.8, 0.1, 0.1]
}

/** Rows with at least one label. */
function withLabels(data: Dataset, table: Table, note: (message: string) => void): Dataset {
  const labels = Object.values(data.labels)
  const places: number[] = []
  for (let row = 0; row < data.rows; row++) if (labels.some((column) => column[row] !== null)) places.push(row)
  const dropped = data.rows - places.length
  if (dropped === 0 || places.length === 0) return data
  note(`"${table.path}": ${dropped} of ${data.rows} rows have no label and are left out.`)
  return pick(data, places)
}

function shared(train: Dataset, given: Dataset | null): number {
  if (!given) return 0
  const known = new Set(train.keys)
  return given.keys.filter((key) => known.has(key)).length
}
