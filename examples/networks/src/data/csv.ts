import { readFileSync } from 'node:fs'

/** Rows of a plain CSV file (a header, no quotes) as records of strings. */
export function readPlainCsv(file: string): Record<string, string>[] {
  const [header, ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n')
  const names = header!.split(',')
  return lines.map((line, i) => {
    const cells = line.split(',')
    if (cells.length !== names.length)
      throw new Error(`${file}: row ${i + 1} has ${cells.length} cells, expected ${names.length}`)
    return Object.fromEntries(names.map((name, column) => [name, cells[column]!]))
  })
}
