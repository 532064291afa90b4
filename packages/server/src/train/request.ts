import { nearestName, VolantError } from '@volant/data'
import { parseSpec } from '@volant/fields'
import { type Dataset, fieldsOf, TYPED_ROWS } from '../collect/index.js'
import { refuse } from '../errors.js'
import type { Project } from '../needs/index.js'
import type { NewRun } from './schema.js'

/** What to predict: as the run says, else as its spec or the project's says. */
export function outputsOf(project: Project, { outputs, spec }: NewRun): string[] {
  if (outputs) return outputs
  return Object.keys(spec ? ((spec['outputs'] ?? {}) as object) : fieldsOf(project, 'outputs'))
}

/**
 * Refuses, before anything is queued, a run that its dataset version cannot serve: columns that are not there, an output
 * without a label or with one value only. Throws `bad-spec`, `missing-column`, `empty-column`, `one-class`.
 */
export function checkRequest(
  project: Project,
  request: NewRun,
  dataset: Pick<Dataset, 'number' | 'rows' | 'columns'>,
  filled: Readonly<Record<string, number>>,
): void {
  if (request.spec?.['inputs']) parseSpec(request.spec)
  const inputs =
    request.inputs ?? Object.keys(request.spec ? (request.spec['inputs'] ?? {}) : fieldsOf(project, 'inputs'))
  const outputs = outputsOf(project, request)
  const columns = new Map(dataset.columns.map(({ name, type }) => [name, type]))
  for (const name of [...inputs, ...outputs]) {
    if (columns.has(name)) continue
    const names = [...columns.keys()]
    const nearest = nearestName(name, names)
    const listed = names.slice(0, 20).map((one) => `"${one}"`)
    const hint = nearest ? `Did you mean "${nearest}"?` : `Its columns are ${listed.join(', ')}.`
    throw refuse('missing-column', `Dataset version ${dataset.number} has no column "${name}". ${hint}`, {
      column: name,
      nearest,
    })
  }
  for (const output of outputs) {
    if ((filled[output] ?? 0) === 0)
      throw new VolantError('empty-column', `No row of dataset version ${dataset.number} has a label in "${output}".`, {
        output,
      })
    // The type was told from the first rows: only when those are all rows is it certain.
    if (columns.get(output) === 'constant' && dataset.rows <= TYPED_ROWS)
      throw new VolantError(
        'one-class',
        `Every label in "${output}" is the same: at least two different ones are needed.`,
        {
          output,
        },
      )
  }
}
