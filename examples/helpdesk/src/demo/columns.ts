/** Characters a terminal needs for a text: East Asian wide characters take two (Unicode Standard Annex 11). */
export function displayWidth(text: string): number {
  let width = 0
  for (const character of text) width += /[ᄀ-ᅟ⺀-꓏가-힣豈-﫿︰-﹏＀-｠￠-￦]/u.test(character) ? 2 : 1
  return width
}

/** Pads a text to `width` characters of a terminal. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - displayWidth(text)))
}

/** The start of a text that fits `width` characters of a terminal. */
export function clipped(text: string, width: number): string {
  let fits = ''
  for (const character of text) {
    if (displayWidth(fits + character) > width) break
    fits += character
  }
  return fits
}

/** Rows as aligned columns; numbers and percentages stand right. */
export function aligned(rows: readonly (readonly string[])[], gap = '  '): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => displayWidth(row[column] ?? ''))))
  return rows.map((row) =>
    row
      .map((cell, column) => {
        const space = ' '.repeat((widths[column] ?? 0) - displayWidth(cell))
        return /^[+−-]?[\d.,]+( %)?$/.test(cell) ? space + cell : cell + space
      })
      .join(gap)
      .trimEnd(),
  )
}
