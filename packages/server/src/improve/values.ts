import { nearestName } from '@volant/data'
import { refuse } from '../errors.js'
import type { Feedback, NewFeedback } from './schema.js'

type Value = Feedback['value']

const LONGEST_TEXT = 20_000

/** What is known of an output that a label is for. */
export interface LabelField {
  type: string | undefined
  /** Of a category: the classes a label may name. */
  classes: ReadonlySet<string>
}

/** The output that feedback is about; a label needs one, and it is clear when the model has only one. */
export function outputOf({ output, kind }: NewFeedback, names: string[]): string | null {
  if (output !== undefined) {
    if (names.includes(output)) return output
    const nearest = nearestName(output, names)
    const hint = nearest
      ? `Did you mean "${nearest}"?`
      : `Its outputs are ${names.map((name) => `"${name}"`).join(', ')}.`
    throw refuse('wrong-output', `The prediction has no output "${output}". ${hint}`, { output, nearest })
  }
  if (names.length === 1) return names[0]!
  if (kind !== 'label') return null
  throw refuse(
    'wrong-output',
    `The prediction has the outputs ${names.map((name) => `"${name}"`).join(', ')}; say which one the label is for.`,
  )
}

const expectations: Record<
  Exclude<NewFeedback['kind'], 'label'>,
  [expected: string, fits: (value: unknown) => boolean]
> = {
  rating: ['a number from 1 to 5', (value) => typeof value === 'number' && value >= 1 && value <= 5],
  click: ['true or false', (value) => typeof value === 'boolean'],
  conversion: ['true or what it was worth, a number', (value) => typeof value === 'number' || value === true],
  edit: ['the text as it was edited', (value) => typeof value === 'string'],
  comment: ['a text', (value) => typeof value === 'string'],
}

/** The value of feedback that is no label. */
export function opinionOf({ kind, value }: NewFeedback): Value {
  const [expected, fits] = expectations[kind as Exclude<NewFeedback['kind'], 'label'>]
  if (!fits(value))
    throw refuse(
      'bad-value',
      `Feedback of kind "${kind}": expected ${expected}, found ${JSON.stringify(value).slice(0, 100)}.`,
      { kind },
    )
  if (typeof value === 'string' && value.length > LONGEST_TEXT)
    throw refuse(
      'bad-value',
      `Feedback of kind "${kind}": expected at most ${LONGEST_TEXT} characters, found ${value.length}.`,
      { kind },
    )
  return value
}

/** The label in the form that training reads. Throws `unknown-label`, `bad-value`. */
export function labelOf(value: Value, output: string, { type, classes }: LabelField): Value {
  if (type === 'number') return number(value, output)
  if (type === 'boolean') return boolean(value, output)
  const wanted = String(value).trim()
  if (classes.has(wanted)) return wanted
  const nearest = nearestName(wanted, [...classes])
  const some = [...classes].slice(0, 20).map((one) => `"${one}"`)
  const hint = nearest ? `Did you mean "${nearest}"?` : `The classes are ${some.join(', ')}.`
  const found = `"${wanted.slice(0, 100)}" is no class of the output "${output}".`
  throw refuse('unknown-label', `${found} ${hint} A new class is added to "classes" of the project first.`, {
    output,
    nearest,
  })
}

function number(value: Value, output: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw refuse(
    'bad-value',
    `The label of "${output}": expected a number, found ${JSON.stringify(value).slice(0, 100)}.`,
    { output },
  )
}

function boolean(value: Value, output: string): boolean {
  if (typeof value === 'boolean') return value
  const text = String(value).trim().toLowerCase()
  if (text === 'true' || text === 'false') return text === 'true'
  throw refuse(
    'unknown-label',
    `The label of "${output}": expected true or false, found ${JSON.stringify(value).slice(0, 100)}.`,
    { output },
  )
}
