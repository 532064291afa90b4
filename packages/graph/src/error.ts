import { printShape, type Shape } from './dims.js'

export interface GraphErrorDetails {
  /** The op, as named in the table. */
  op?: string
  /** Where in the model, e.g. `encoder.layers.3.attention.query`. */
  path?: string
  shapes?: readonly Shape[]
}

/** A graph that cannot be built, differentiated or lowered. The sentence is made from the fields. */
export class GraphError extends Error {
  override name = 'GraphError'
  readonly op?: string
  readonly path?: string
  readonly shapes?: readonly Shape[]

  constructor(reason: string, details: GraphErrorDetails = {}) {
    const where = [details.op, details.path && `at ${details.path}`].filter(Boolean).join(' ')
    const shapes = details.shapes?.length ? ` (shapes ${details.shapes.map(printShape).join(' and ')})` : ''
    super(`${where ? `${where}: ` : ''}${reason}${shapes}`)
    this.op = details.op
    this.path = details.path
    this.shapes = details.shapes
  }
}
