import type { Cell, Row } from '../table/table.js'
import type { PartColumn, StoredKind } from './manifest.js'

/** Learns, row by row, the one kind of each column's values, or that they are mixed. */
export class ColumnKinds {
  private readonly kinds = new Map<string, StoredKind | undefined>()

  see(row: Row): void {
    for (const [name, cell] of Object.entries(row)) {
      const known = this.kinds.get(name)
      const found = kindOf(cell)
      if (found === undefined) {
        if (!this.kinds.has(name)) this.kinds.set(name, undefined)
      } else if (known !== found) this.kinds.set(name, known === undefined ? found : 'mixed')
    }
  }

  get names(): string[] {
    return [...this.kinds.keys()]
  }

  /** Columns with the names they get in the file: their own, unless DuckDB would take two of them for one. */
  columns(): PartColumn[] {
    const taken = new Map<string, number>()
    for (const name of this.kinds.keys()) taken.set(name.toLowerCase(), (taken.get(name.toLowerCase()) ?? 0) + 1)
    return [...this.kinds].map(([name, kind = 'text'], at) => {
      const plain = taken.get(name.toLowerCase()) === 1 && name !== '' && !name.startsWith('_')
      return { name, stored: plain ? name : `_column${at}`, kind }
    })
  }
}

function kindOf(cell: Cell): StoredKind | undefined {
  if (cell === null) return undefined
  return typeof cell === 'string' ? 'text' : (typeof cell as 'number' | 'boolean')
}
