import type { Cell } from './table.js'

/** A cell as text that tells its kind: "s" before a text, else JSON. So cells of any kind fit one text column. */
export function writeTyped(cell: Cell): string | null {
  if (cell === null) return null
  return typeof cell === 'string' ? `s${cell}` : JSON.stringify(cell)
}

export function readTyped(stored: string): Cell {
  return stored.startsWith('s') ? stored.slice(1) : (JSON.parse(stored) as Cell)
}
