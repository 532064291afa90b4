import { percent } from './predictability.js'
import type { Profile } from './report.js'

/** The sentences of a profile that a person should read first. */
export function warningsOf(facts: Omit<Profile, 'warnings'>): string[] {
  return [
    ...readingWarnings(facts),
    ...targetWarnings(facts),
    ...leakageWarnings(facts),
    ...columnWarnings(facts),
    ...rowWarnings(facts),
  ]
}

function readingWarnings({ rejectedCount, rejected }: Omit<Profile, 'warnings'>): string[] {
  const first = rejected[0]
  return first
    ? [
        `${count(rejectedCount, 'row')} could not be read and ${rejectedCount === 1 ? 'was' : 'were'} kept aside; the first is line ${first.line}: ${first.reason}.`,
      ]
    : []
}

function targetWarnings({ targets, looked }: Omit<Profile, 'warnings'>): string[] {
  return targets.flatMap((target) => {
    const says: string[] = []
    const { name } = target
    if (target.type === 'empty') says.push(`Output "${name}" has no value in any row: there is nothing to learn.`)
    if (target.type === 'constant')
      says.push(`Output "${name}" has one class only, "${target.classes[0]?.label}": there is nothing to tell apart.`)
    if (target.missing > 0 && target.type !== 'empty')
      says.push(
        `Output "${name}" is missing in ${count(target.missing, 'row')} (${percent(target.missing / looked)}); they teach the other outputs only.`,
      )
    if (target.singles > 0)
      says.push(
        `Output "${name}" has ${count(target.singles, 'class', 'classes')} with a single row: too few to learn and to measure.`,
      )
    const [biggest, smallest] = [target.classes[0], target.classes[target.classes.length - 1]]
    if (biggest && smallest && target.classCount <= target.classes.length && biggest.count >= 20 * smallest.count) {
      says.push(
        `Output "${name}" is unbalanced: "${biggest.label}" has ${count(biggest.count, 'row')}, "${smallest.label}" ${smallest.count}.`,
      )
    }
    return says
  })
}

function leakageWarnings({ leakage }: Omit<Profile, 'warnings'>): string[] {
  return leakage.map(({ column, target, evidence }) => `Column "${column}" may give "${target}" away: ${evidence}.`)
}

function columnWarnings({ columns, looked }: Omit<Profile, 'warnings'>): string[] {
  return columns.flatMap((column) => {
    const says: string[] = []
    const example = column.caseVariants.examples[0]
    if (column.type === 'empty') says.push(`Column "${column.name}" is empty.`)
    else if (column.missing >= 0.5 * looked)
      says.push(`Column "${column.name}" is missing in ${percent(column.missing / looked)} of the rows.`)
    if (column.straySpaces > 0 && column.type !== 'text')
      says.push(
        `Column "${column.name}" has stray spaces at the start or end of ${count(column.straySpaces, 'cell')}; labels are trimmed.`,
      )
    if (example && column.type === 'category') {
      const forms = example.map(({ value, count: rows }) => `"${value}" (${rows})`).join(' and ')
      says.push(
        `Column "${column.name}" has ${count(column.caseVariants.count, 'value')} in different case, such as ${forms}; they stay different.`,
      )
    }
    return says
  })
}

function rowWarnings({ duplicates, overlap }: Omit<Profile, 'warnings'>): string[] {
  const says: string[] = []
  if (duplicates.exact > 0)
    says.push(
      `${count(duplicates.exact, 'row repeats', 'rows repeat')} an earlier row; a split keeps them on one side.`,
    )
  if (duplicates.contradicting > 0)
    says.push(
      `${count(duplicates.contradicting, 'row has', 'rows have')} the inputs of an earlier row but another label.`,
    )
  if (overlap && overlap.normalised > 0) {
    says.push(
      `${overlap.normalised} of ${count(overlap.testRows, 'test row')} (${percent(overlap.normalised / overlap.testRows)}) stand in the table too, ${overlap.exact} of them letter by letter: the test would flatter the model.`,
    )
  }
  return says
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number.toLocaleString('en')} ${number === 1 ? one : many}`
}
