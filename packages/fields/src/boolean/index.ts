import { isMissingNumber, parseBoolean, VolantError } from '@volant/data'
import { type ClassesState, classesDecoder } from '../decoders/classes.js'
import { type BooleanState, flags } from '../encoders/boolean.js'
import type { Encoder } from '../encoders/encoder.js'
import { type FieldType, type InputType, type OutputType, UnreadableCell } from '../field.js'
import { PRIMARY_METRIC } from '../metrics/index.js'
import { booleanInputSettings, booleanOutputSettings } from './settings.js'

const written: Record<string, boolean> = { yes: true, y: true, '1': true, no: false, n: false, '0': false }

function read(cell: Parameters<InputType['read']>[0]): boolean | null {
  // NA, n/a, null and the like: inference counts them as missing too.
  if (isMissingNumber(cell)) return null
  const value = parseBoolean(cell) ?? written[String(cell).trim().toLowerCase()]
  if (value === undefined) throw new UnreadableCell('true or false (or yes/no, 1/0)', cell)
  return value
}

const input: InputType<boolean> = {
  settings: booleanInputSettings,
  read,
  encoders: { flags: flags as Encoder<boolean, BooleanState> },
  wide: 'flags',
  features: () => 'flags',
  choosesNetwork: false,
}

const output: OutputType<boolean, ClassesState> = {
  settings: booleanOutputSettings,
  primary: PRIMARY_METRIC.boolean,
  task: 'classification',
  read,
  fit(labels, _settings, column) {
    const present = new Set(labels.filter((label) => label !== null))
    if (present.size === 0) {
      throw new VolantError('empty-column', `Output column "${column}" is empty: no row has a label to learn from.`, {
        column,
      })
    }
    if (present.size === 1) {
      throw new VolantError(
        'one-class',
        `Output column "${column}" is ${[...present][0]} in every labelled row; both true and false are needed.`,
        { column },
      )
    }
    return { classes: ['false', 'true'], positive: 1 }
  },
  target: (label) => (label === null ? -1 : Number(label)),
  value: (answer) => answer === 1,
  decoder: classesDecoder(PRIMARY_METRIC.boolean),
}

/** True or false. */
export const booleanField: FieldType = { name: 'boolean', input, output }
