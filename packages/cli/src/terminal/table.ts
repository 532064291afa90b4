/** Lays rows out in columns; the first is aligned left, the others right. Wide (East Asian) characters count as two. */
export function table(header: string[], rows: string[][]): string {
  const all = [header, ...rows]
  const widths = header.map((_, column) => Math.max(...all.map((row) => width(row[column] ?? ''))))
  const line = (row: string[]) =>
    widths
      .map((space, column) => {
        const cell = row[column] ?? ''
        const fill = ' '.repeat(space - width(cell))
        return column === 0 ? cell + fill : fill + cell
      })
      .join('  ')
      .trimEnd()
  return [line(header), ...rows.map(line)].join('\n')
}

/** Columns that a text takes in a terminal (Unicode TR 11: wide and full-width forms take two). */
function width(text: string): number {
  let columns = 0
  for (const character of text)
    columns += /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}！-｠]/u.test(character) ? 2 : 1
  return columns
}
