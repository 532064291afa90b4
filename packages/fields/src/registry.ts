import { booleanField } from './boolean/index.js'
import { categoryField } from './category/index.js'
import type { FieldType, InputType, OutputType } from './field.js'
import { numberField } from './number/index.js'
import { textField } from './text/index.js'

/** Every type of field. */
const fieldTypes = {
  text: textField,
  category: categoryField,
  number: numberField,
  boolean: booleanField,
} satisfies Record<string, FieldType>

export type FieldTypeName = keyof typeof fieldTypes

/** The input side of a type; a spec that was parsed names only types that have it. */
export function inputType(name: FieldTypeName): InputType {
  const { input }: FieldType = fieldTypes[name]
  if (!input) throw new Error(`type ${name} is no input`)
  return input
}

/** The output side of a type; a spec that was parsed names only types that have it. */
export function outputType(name: FieldTypeName): OutputType {
  const { output }: FieldType = fieldTypes[name]
  if (!output) throw new Error(`type ${name} is no output`)
  return output
}
