import { text } from 'node:stream/consumers'
import { openTable, type Table } from '@volant/data'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

/** The texts of a column, the only one unless it is named; of stdin (`-`) one a line. An empty cell is an empty text. */
export async function readTexts(data: string, columns: string[] | undefined, terminal: Terminal): Promise<string[]> {
  if (data === '-') {
    if (process.stdin.isTTY) throw new Usage('- needs texts on stdin, one a line')
    const all = await text(process.stdin)
    return all === '' ? [] : all.replace(/\r?\n$/, '').split(/\r?\n/)
  }
  return withTable(data, terminal, async (table) => {
    const names = table.columns.map(({ name }) => name)
    const [column, more] = columns ?? names
    if (column === undefined || more !== undefined)
      throw new Usage(`--inputs is to name one column of ${data}: ${names.join(', ')}`)
    return (await table.column(column)).map(asText)
  })
}

export const asText = (cell: unknown): string => (cell === null || cell === undefined ? '' : String(cell))

/** Opens a data file, says what is malformed in it, and closes it. */
export async function withTable<T>(file: string, terminal: Terminal, use: (table: Table) => Promise<T>): Promise<T> {
  const table = await openTable(file, { signal: terminal.signal })
  try {
    if (table.rejectedCount) {
      const { line, reason } = table.rejected[0]!
      terminal.note(`note: ${file}: ${table.rejectedCount} malformed rows left out (first: line ${line}, ${reason})`)
    }
    return await use(table)
  } finally {
    await table.close()
  }
}
