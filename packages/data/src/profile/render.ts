import type { ColumnProfile } from './column.js'
import { percent } from './predictability.js'
import type { Profile, TargetProfile } from './report.js'

/** A profile as text for a terminal, at most about 100 columns wide but for long names. */
export function renderProfile(profile: Profile): string {
  const sampled =
    profile.looked < profile.rows
      ? `a sample of ${whole(profile.looked)} rows was looked at`
      : 'all rows were looked at'
  const head = `${profile.path}: ${whole(profile.rows)} rows, ${profile.columns.length} columns; ${sampled}`
  const sections = [
    [head, ...profile.notes],
    grid(
      ['column', 'type', 'missing', 'distinct', 'values'],
      profile.columns.slice(0, MOST_COLUMNS).map((column) => columnLine(column, profile.looked)),
    ).concat(
      profile.columns.length > MOST_COLUMNS ? [`… and ${profile.columns.length - MOST_COLUMNS} more columns`] : [],
    ),
    ...profile.targets.map(targetLines),
    profile.rejected
      .slice(0, 5)
      .map(
        ({ line, column, reason }) =>
          `kept aside: line ${line}${column === undefined ? '' : `, column "${column}"`}: ${reason}`,
      ),
    profile.warnings.map((warning) => `! ${warning}`),
  ]
  return sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')
}

const MOST_COLUMNS = 200

function columnLine(column: ColumnProfile, looked: number): string[] {
  const missing = column.missing === 0 ? '-' : percent(column.missing / looked)
  return [clip(column.name, 28), column.type, missing, whole(column.distinct), valuesOf(column)]
}

function valuesOf({ type, numbers, lengths, top }: ColumnProfile): string {
  if (numbers) {
    const { p25, p50, p75 } = numbers.quantiles
    return `${short(numbers.min)} to ${short(numbers.max)}, mean ${short(numbers.mean)}, quartiles ${short(p25)} ${short(p50)} ${short(p75)}`
  }
  if (type === 'text' && lengths)
    return `${whole(lengths.min)} to ${whole(lengths.max)} characters, mean ${short(lengths.mean)}; about ${short(lengths.words)} words`
  return top
    .slice(0, 4)
    .map(({ value, count }) => `${clip(value, 20)} ${whole(count)}`)
    .join(', ')
}

function targetLines(target: TargetProfile): string[] {
  const { name, type, classes, classCount, missing } = target
  const head = `output "${name}": ${type}${classCount > 0 ? `, ${whole(classCount)} classes` : ''}${missing > 0 ? `, ${whole(missing)} rows without a label` : ''}`
  const shown = classes.slice(0, 12)
  const widest = Math.max(1, ...shown.map(({ label }) => width(clip(label, 28))))
  const lines = shown.map(({ label, count, share }) =>
    `  ${pad(clip(label, 28), widest)}  ${whole(count).padStart(7)}  ${percent(share).padStart(7)}  ${'█'.repeat(Math.round(share * 40))}`.trimEnd(),
  )
  return [head, ...lines, ...(classCount > shown.length ? [`  … and ${whole(classCount - shown.length)} more`] : [])]
}

function grid(head: string[], rows: string[][]): string[] {
  const widths = head.map((title, at) => Math.max(width(title), ...rows.map((row) => width(row[at]!))))
  return [head, ...rows].map((row) =>
    row
      .map((cell, at) => pad(cell, widths[at]!))
      .join('  ')
      .trimEnd(),
  )
}

/** Columns a text takes in a terminal: wide East Asian characters and emoji take two, marks none. */
function width(text: string): number {
  let columns = 0
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue
    columns +=
      /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Extended_Pictographic}/u.test(
        character,
      )
        ? 2
        : 1
  }
  return columns
}

function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)))
}

function clip(text: string, columns: number): string {
  if (width(text) <= columns) return text
  let kept = ''
  for (const character of text) {
    if (width(kept + character) >= columns) break
    kept += character
  }
  return `${kept}…`
}

function whole(value: number): string {
  return value.toLocaleString('en')
}

function short(value: number): string {
  return Number.isInteger(value) && Math.abs(value) < 1e15 ? String(value) : String(Number(value.toPrecision(4)))
}
