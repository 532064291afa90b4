import { nearestName, VolantError } from '@volant/data'
import type { ClassesState } from '../decoders/classes.js'

const usualPositives = ['true', 'yes', '1']

/**
 * The classes of an output column, sorted, and which is the positive one of two: the one asked for, else true / yes / 1,
 * else the rarer. Throws `empty-column`, `one-class`, `single-rows` or `bad-spec`.
 */
export function learnClasses(
  labels: readonly (string | null)[],
  positive: string | undefined,
  column: string,
): ClassesState {
  const counts = new Map<string, number>()
  for (const label of labels) if (label !== null) counts.set(label, (counts.get(label) ?? 0) + 1)
  const classes = [...counts.keys()].sort()
  checkClasses(column, classes, counts)
  if (positive !== undefined && !counts.has(positive)) {
    const nearest = nearestName(positive, classes)
    throw new VolantError(
      'bad-spec',
      `Output "${column}" has no class "${positive}" to be the positive one${nearest ? `; did you mean "${nearest}"?` : `: its classes are ${listed(classes)}.`}`,
      { path: `outputs.${column}.positive`, nearest },
    )
  }
  if (classes.length !== 2) return { classes }
  return { classes, positive: classes.indexOf(positive ?? positiveOf(classes, counts)) }
}

function positiveOf(classes: readonly string[], counts: ReadonlyMap<string, number>): string {
  const usual = classes.filter((name) => usualPositives.includes(name.toLowerCase()))
  if (usual.length === 1) return usual[0]!
  const [first, second] = classes as [string, string]
  return counts.get(first)! < counts.get(second)! ? first : second
}

function checkClasses(column: string, classes: readonly string[], counts: ReadonlyMap<string, number>): void {
  if (classes.length === 0) {
    throw new VolantError('empty-column', `Output column "${column}" is empty: no row has a label to learn from.`, {
      column,
    })
  }
  if (classes.length === 1) {
    throw new VolantError(
      'one-class',
      `Output column "${column}" has one class only ("${classes[0]}" in every labelled row); at least two are needed.`,
      { column, class: classes[0] },
    )
  }
  if ([...counts.values()].every((count) => count === 1)) {
    throw new VolantError(
      'single-rows',
      `Output column "${column}" has ${classes.length} classes with a single row each; a class needs at least two rows, one to learn from and one to check with.`,
      { column, classes: classes.length },
    )
  }
}

/** Classes that differ only in case, each group once: warned of, never merged. */
export function caseVariants(classes: readonly string[]): string[][] {
  const groups = new Map<string, string[]>()
  for (const name of classes) {
    const key = name.toLowerCase()
    groups.set(key, [...(groups.get(key) ?? []), name])
  }
  return [...groups.values()].filter((group) => group.length > 1)
}

function listed(names: readonly string[]): string {
  return (
    names
      .slice(0, 10)
      .map((name) => `"${name}"`)
      .join(', ') + (names.length > 10 ? ` and ${names.length - 10} more` : '')
  )
}
