import { isMissingNumber, parseNumber, VolantError } from '@volant/data'
import { type ScaleState, valueDecoder } from '../decoders/value.js'
import { piecewise } from '../encoders/number.js'
import { type FieldType, type InputType, type OutputType, UnreadableCell } from '../field.js'
import { PRIMARY_METRIC } from '../metrics/index.js'
import { numberInputSettings, numberOutputSettings } from './settings.js'

/** The model file holds numbers as float32. */
const largestFloat = 3.4e38

function read(cell: Parameters<InputType['read']>[0]): number | null {
  if (isMissingNumber(cell)) return null
  const value = parseNumber(cell)
  if (value === undefined) throw new UnreadableCell('a number', cell)
  if (Math.abs(value) > largestFloat) throw new UnreadableCell('a number between -3.4e38 and 3.4e38', cell)
  return value
}

const input: InputType<number> = {
  settings: numberInputSettings,
  read,
  encoders: { piecewise },
  wide: 'piecewise',
  features: () => 'piecewise',
  choosesNetwork: false,
}

const output: OutputType<number, ScaleState> = {
  settings: numberOutputSettings,
  primary: PRIMARY_METRIC.number,
  task: 'regression',
  read,
  fit(labels, _settings, column) {
    const known = labels.filter((label): label is number => label !== null)
    if (known.length === 0) {
      throw new VolantError('empty-column', `Output column "${column}" is empty: no row has a label to learn from.`, {
        column,
      })
    }
    const mean = known.reduce((sum, x) => sum + x, 0) / known.length
    const deviation = Math.sqrt(known.reduce((sum, x) => sum + (x - mean) ** 2, 0) / known.length)
    if (deviation === 0) {
      throw new VolantError(
        'one-class',
        `Output column "${column}" holds ${known[0]} in every row; there is nothing to learn.`,
        { column },
      )
    }
    return { mean, deviation }
  },
  target: (label) => label ?? Number.NaN,
  value: (answer) => answer,
  decoder: valueDecoder(PRIMARY_METRIC.number),
}

/** A number. */
export const numberField: FieldType = { name: 'number', input, output }
