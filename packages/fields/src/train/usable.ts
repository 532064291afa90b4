import { VolantError } from '@volant/data'
import type { Spec } from '../spec/schema.js'
import type { Dataset } from './dataset.js'
import type { Parts } from './parts.js'

/** Leaves out, and says so, inputs that are empty in all training rows. Throws `no-inputs` when none is left. */
export function usableInputs(spec: Spec, parts: Parts, note: (message: string) => void): { spec: Spec; parts: Parts } {
  const empty = Object.keys(spec.inputs).filter((name) => parts.train.inputs[name]!.every((value) => value === null))
  if (empty.length === 0) return { spec, parts }
  const left = new Set(empty)
  const kept = Object.fromEntries(Object.entries(spec.inputs).filter(([name]) => !left.has(name)))
  const listed = namesOf(empty)
  if (Object.keys(kept).length === 0) {
    throw new VolantError(
      'no-inputs',
      `No input is left: ${listed} ${empty.length > 1 ? 'are' : 'is'} empty in every row; name other inputs with --inputs.`,
      { columns: empty },
    )
  }
  note(`Input ${listed} ${empty.length > 1 ? 'are' : 'is'} empty in every training row and left out.`)
  const without = (data: Dataset): Dataset => ({
    ...data,
    inputs: Object.fromEntries(Object.entries(data.inputs).filter(([name]) => !left.has(name))),
  })
  return {
    spec: { ...spec, inputs: kept },
    parts: {
      ...parts,
      train: without(parts.train),
      valid: without(parts.valid),
      test: parts.test && without(parts.test),
    },
  }
}

function namesOf(columns: readonly string[]): string {
  const more = columns.length - 10
  const names = columns.slice(0, 10).map((name) => `"${name}"`)
  return names.join(', ') + (more > 0 ? ` and ${more} more` : '')
}
