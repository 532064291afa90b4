import type { Signature, Spec } from '@volant/fields'
import type { Form, FormField } from './store.js'

/** The fields of a trained model with the classes it knows, to make forms and buttons of. */
export function formOf(spec: Spec, signature: Signature, positive: Record<string, string>): Form {
  const classesOf = (field: string) =>
    signature.outputs.find((output) => output.field === field && output.classes)?.classes
  const inputs = Object.entries(spec.inputs).map(([name, { type }]): FormField => ({ name, type }))
  const outputs = Object.entries(spec.outputs).map(
    ([name, { type }]): FormField => ({ name, type, classes: classesOf(name), positive: positive[name] }),
  )
  return { inputs, outputs }
}
