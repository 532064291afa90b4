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

/** Characters a sample may hold, about: fewer rows are drawn where rows are long. */
const MOST_CHARACTERS = 300e6

/** All rows of a table, or at most `most` of them drawn evenly without repetition (Knuth's algorithm S), by seed. */
export async function sampleTable(
  table: Table,
  names: readonly string[],
  asked: number,
  seed: number,
): Promise<Sample> {
  const of = table.rowCount
  const most = Math.min(asked, Math.max(1000, Math.floor(MOST_CHARACTERS / (await rowLength(table, names)))))
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

/** Characters of a row, by the first 500. */
async function rowLength(table: Table, names: readonly string[]): Promise<number> {
  let [characters, rows] = [0, 0]
  for await (const row of table.rows({ columns: names, limit: 500 })) {
    rows++
    for (const name of names) characters += String(row[name] ?? '').length + 8
  }
  return characters / Math.max(1, rows) || 1
}
