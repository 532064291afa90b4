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
  return first(
    leakage.map(({ column, target, evidence }) => `Column "${column}" may give "${target}" away: ${evidence}.`),
    (more) => `${more} more columns or words may give an output away; --json lists all of them.`,
  )
}

/** One sentence a column for the first columns of each kind, and one for the rest of them. */
function columnWarnings({ columns, looked }: Omit<Profile, 'warnings'>): string[] {
  const empty = columns.filter(({ type }) => type === 'empty')
  const sparse = columns.filter(({ type, missing }) => type !== 'empty' && missing >= 0.5 * looked)
  const spaced = columns.filter(({ type, straySpaces }) => straySpaces > 0 && type !== 'text')
  const variants = columns.filter(({ type, caseVariants }) => type === 'category' && caseVariants.examples.length > 0)
  return [
    ...first(
      empty.map(({ name }) => `Column "${name}" is empty.`),
      (more) => `${more} more columns are empty.`,
    ),
    ...first(
      sparse.map(({ name, missing }) => `Column "${name}" is missing in ${percent(missing / looked)} of the rows.`),
      (more) => `${more} more columns are missing in half of the rows or more.`,
    ),
    ...first(
      spaced.map(
        ({ name, straySpaces }) =>
          `Column "${name}" has stray spaces at the start or end of ${count(straySpaces, 'cell')}; labels are trimmed.`,
      ),
      (more) => `${more} more columns have stray spaces at the start or end of cells.`,
    ),
    ...first(
      variants.map(({ name, caseVariants }) => {
        const forms = caseVariants.examples[0]!.map(({ value, count: rows }) => `"${value}" (${rows})`).join(' and ')
        return `Column "${name}" has ${count(caseVariants.count, 'value')} in different case, such as ${forms}; they stay different.`
      }),
      (more) => `${more} more columns have values that differ only in case.`,
    ),
  ]
}

/** A table may have thousands of columns. */
const SAID = 10

function first(sentences: string[], rest: (more: number) => string): string[] {
  const more = sentences.length - SAID
  return more <= 0 ? sentences : [...sentences.slice(0, SAID), rest(more)]
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
