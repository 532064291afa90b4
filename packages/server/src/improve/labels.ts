import type { Row } from '@volant/data'
import { type DataRow, inputsKey, type VersionRows } from '../collect/index.js'
import type { LabelRow } from './store.js'

/** Rows with the labels that feedback gave them, by the key of their inputs. Labels are ordered by prediction. */
export function labelledRows(
  labels: LabelRow[],
  inputs: readonly string[],
  outputs: readonly string[],
): { rows: Map<string, DataRow>; disagreements: number } {
  const rows = new Map<string, DataRow>()
  let disagreements = 0
  for (const { inputs: values, output, value, at, subject, values: given } of labels) {
    if (Number(given) > 1) disagreements++
    const key = inputsKey(values, inputs)
    const row = rows.get(key)
    if (!row) {
      const origin = { source: 'feedback', time: at.toISOString(), subject, consent: null }
      const asked = Object.entries(values).filter(([name]) => !outputs.includes(name))
      rows.set(key, { values: { ...Object.fromEntries(asked), [output]: value }, origin })
      continue
    }
    // The same inputs were predicted more than once: for each output the latest label counts.
    if (row.values[output] !== undefined && row.origin.time > at.toISOString()) continue
    row.values[output] = value
    if (row.origin.time < at.toISOString()) row.origin.time = at.toISOString()
  }
  return { rows, disagreements }
}

/** The collected rows with the labels of feedback in place of their own, then the rows that only feedback knows. */
export async function* withLabels(
  collected: VersionRows,
  labelled: Map<string, DataRow>,
  inputs: readonly string[],
  outputs: readonly string[],
): AsyncGenerator<DataRow> {
  const left = new Map(labelled)
  for await (const row of collected.read()) {
    const key = inputsKey(row.values, inputs)
    const better = labelled.get(key)
    if (!better) {
      yield row
      continue
    }
    left.delete(key)
    const labels: Row = {}
    for (const output of outputs) if (better.values[output] !== undefined) labels[output] = better.values[output]!
    yield {
      values: { ...row.values, ...labels },
      origin: { ...row.origin, source: 'feedback', time: better.origin.time },
    }
  }
  yield* left.values()
}
