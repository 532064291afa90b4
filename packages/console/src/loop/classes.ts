import type { FormField, Value } from '@volant/client'

/** The answers that can be chosen for an output; none for a number. */
export function classesOf(output: FormField): string[] {
  return output.classes ?? (output.type === 'boolean' ? ['true', 'false'] : [])
}

/** The value that feedback carries for a chosen answer. */
export function feedbackValue(output: FormField, chosen: string): Value {
  if (output.type === 'boolean') return chosen === 'true'
  return output.type === 'number' ? Number(chosen) : chosen
}
