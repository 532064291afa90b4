import { concat, reshape, transpose, type Value } from '@volant/graph'

/** Columns [batch] as rows of one tensor [columns, batch]: one node, however many columns there are. */
export function asRows(columns: readonly Value[]): Value {
  return reshape(concat(columns, 0), [columns.length, -1])
}

/** Columns [batch] side by side: [batch, columns]. */
export function sideBySide(columns: readonly Value[]): Value {
  return transpose(asRows(columns), [1, 0])
}
