// A category of 400 rows, and candidates whose errors a test chooses.
import { outputType } from '../registry.js'
import type { Judged } from '../train/choose.js'
import type { Dataset } from '../train/dataset.js'
import type { FittedOutput } from '../train/outputs.js'

export const rows = 400
const state = { classes: ['no', 'yes'], positive: 1 }
export const output: FittedOutput = {
  name: 'paid',
  settings: { type: 'category', weight: 1 },
  type: outputType('category'),
  state,
}
export const truth = Array.from({ length: rows }, (_, row) => ((row * 7) % 10 < 4 ? 1 : 0))
export const data: Dataset = {
  rows,
  inputs: {},
  labels: { paid: truth.map((label) => state.classes[label]!) },
  keys: [],
}

/** Scores that are right (by `margin`) in the rows that `right` tells, else wrong. */
export function candidate(name: string, right: (row: number) => boolean, margin = (_row: number) => 2): Judged {
  const raw = new Float32Array(rows * 2)
  truth.forEach((label, row) => {
    raw[2 * row + 1] = (label === 1) === right(row) ? margin(row) : -margin(row)
  })
  return { name, raw: { paid: raw } }
}
