import { isMissing } from '@volant/data'
import { type ClassesState, classesDecoder } from '../decoders/classes.js'
import { lookup } from '../encoders/category.js'
import type { FieldType, InputType, OutputType } from '../field.js'
import { PRIMARY_METRIC } from '../metrics/index.js'
import { learnClasses } from './classes.js'
import { type CategoryOutputSettings, categoryInputSettings, categoryOutputSettings } from './settings.js'

const input: InputType<string> = {
  settings: categoryInputSettings,
  read: (cell) => (isMissing(cell) ? null : String(cell).trim()),
  encoders: { lookup },
  wide: 'lookup',
  features: () => 'lookup',
  choosesNetwork: false,
}

const placesOf = new WeakMap<ClassesState, Map<string, number>>()

/** Index of each class, made once a state. */
function places(state: ClassesState): Map<string, number> {
  let known = placesOf.get(state)
  if (!known) {
    known = new Map(state.classes.map((name, place) => [name, place]))
    placesOf.set(state, known)
  }
  return known
}

const output: OutputType<string, ClassesState, CategoryOutputSettings> = {
  settings: categoryOutputSettings,
  primary: PRIMARY_METRIC.category,
  task: 'classification',
  read(cell, { missing }) {
    if (isMissing(cell)) return null
    const label = String(cell).trim()
    return missing?.includes(label) ? null : label
  },
  fit: (labels, settings, column) => learnClasses(labels, settings.positive, column),
  target: (label, state) => (label === null ? -1 : (places(state).get(label) ?? -1)),
  value: (answer, state) => state.classes[answer]!,
  decoder: classesDecoder(PRIMARY_METRIC.category),
}

/** One of several values, kept as the file's exact strings, trimmed. */
export const categoryField: FieldType = { name: 'category', input, output }
