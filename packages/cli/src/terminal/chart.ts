/** Draws `values` as a curve of braille dots, `width` x `height` characters, with its range at the left. */
export function curve(values: readonly number[], { width = 60, height = 8, digits = 3 } = {}): string[] {
  const finite = values.filter(Number.isFinite)
  if (finite.length === 0) return []
  const low = Math.min(...finite)
  const high = Math.max(...finite)
  const columns = width * 2
  const rows = height * 4
  const cells = Array.from({ length: height }, () => new Uint8Array(width))
  const place = (value: number) => Math.round((1 - (high === low ? 0.5 : (value - low) / (high - low))) * (rows - 1))
  let last: number | undefined
  for (let x = 0; x < columns; x++) {
    const value = between(values, x / (columns - 1))
    if (!Number.isFinite(value)) {
      last = undefined
      continue
    }
    const y = place(value)
    const step = last === undefined || last === y ? 0 : Math.sign(y - last)
    // Joins neighbouring points, so that a steep part is a line and not two dots.
    for (let dot = step === 0 ? y : last! + step; ; dot += step) {
      cells[dot >> 2]![x >> 1]! |= brailleBit(x & 1, dot & 3)
      if (dot === y) break
    }
    last = y
  }
  const labels = [high.toFixed(digits), low.toFixed(digits)]
  const margin = Math.max(...labels.map((label) => label.length))
  return cells.map((row, index) => {
    const label = index === 0 ? labels[0]! : index === height - 1 ? labels[1]! : ''
    const dots = Array.from(row, (bits) => (bits ? String.fromCodePoint(0x2800 + bits) : ' ')).join('')
    return `${label.padStart(margin)} │${dots.trimEnd()}`
  })
}

/** The value at `share` (0 to 1) of the way through `values`, on the straight line between its neighbours. */
function between(values: readonly number[], share: number): number {
  const place = share * (values.length - 1)
  const index = Math.min(Math.floor(place), values.length - 1)
  const next = values[Math.min(index + 1, values.length - 1)]!
  return values[index]! + (place - index) * (next - values[index]!)
}

/** The dot at (x, y) of a braille character of 2 x 4 dots (Unicode chapter 21.1). */
function brailleBit(x: number, y: number): number {
  return y === 3 ? 0x40 << x : 1 << (y + 3 * x)
}

/** A bar of `width` characters, filled by `fraction` (0 to 1). */
export function bar(fraction: number, width = 20): string {
  const eighths = Math.round(Math.min(Math.max(fraction, 0), 1) * width * 8)
  const part = eighths % 8 ? ' ▏▎▍▌▋▊▉'[eighths % 8]! : ''
  return ('█'.repeat(eighths >> 3) + part).padEnd(width, '░')
}

/** Seconds as a person says them: `42 s`, `3 min 05 s`, `1 h 12 min`. */
export function timeText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`
}

/** Bytes as a person says them: `512 B`, `91.3 MB`, `4.00 GB`. */
export function sizeText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB']
  const step = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)))
  const value = bytes / 1000 ** step
  return `${step === 0 ? value : value.toPrecision(3)} ${units[step]}`
}
