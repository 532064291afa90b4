import { caseVariants } from '../category/classes.js'
import type { OutputState, OutputType } from '../field.js'
import { outputType } from '../registry.js'
import type { OutputSettings, Spec } from '../spec/schema.js'
import type { Dataset } from './dataset.js'

/** An output with what was learnt of it. */
export interface FittedOutput {
  readonly name: string
  readonly settings: OutputSettings
  readonly type: OutputType
  readonly state: OutputState
}

/** Learns classes and scales from all labels that training may see. */
export function fitOutputs(spec: Spec, data: Dataset, note: (message: string) => void): FittedOutput[] {
  return Object.entries(spec.outputs).map(([name, settings]) => {
    const type = outputType(settings.type)
    const state = type.fit(data.labels[name]!, settings, name)
    for (const group of caseVariants(state.classes ?? [])) {
      note(
        `Output "${name}" has classes that differ only in case: ${group.map((label) => `"${label}"`).join(', ')}; they are kept apart.`,
      )
    }
    return { name, settings, type, state }
  })
}

/** An output as stored in a model folder. */
export function restoreOutputs(spec: Spec, states: Readonly<Record<string, OutputState>>): FittedOutput[] {
  return Object.entries(spec.outputs).map(([name, settings]) => ({
    name,
    settings,
    type: outputType(settings.type),
    state: states[name]!,
  }))
}

/** The labels of a data set as numbers to train on and measure with. */
export function targetsOf(output: FittedOutput, data: Dataset): Float64Array {
  return Float64Array.from(data.labels[output.name]!, (label) => output.type.target(label, output.state))
}
