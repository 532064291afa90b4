import { randomStream } from '../prepare/random.js'
import type { Cell, Table } from '../table/table.js'

export interface Sample {
  /** Cells by column name, in file order. */
  columns: Record<string, Cell[]>
  /** Rows looked at. */
  rows: number
  /** Rows the table has. */
  of: number
}

/** All rows of a table, or exactly `most` of them drawn evenly without repetition (Knuth's algorithm S), by seed. */
export async function sampleTable(table: Table, names: readonly string[], most: number, seed: number): Promise<Sample> {
  const of = table.rowCount
  if (of <= most) return { columns: await table.toColumns(names), rows: of, of }
  const random = randomStream(seed)
  const cells = names.map(() => [] as Cell[])
  let seen = 0
  let taken = 0
  for await (const row of table.rows({ columns: names })) {
    if ((of - seen++) * random() >= most - taken) continue
    taken++
    names.forEach((name, at) => {
      cells[at]!.push(row[name]!)
    })
    if (taken === most) break
  }
  return { columns: Object.fromEntries(names.map((name, at) => [name, cells[at]!])), rows: taken, of }
}
