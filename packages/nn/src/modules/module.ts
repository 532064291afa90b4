import type { Value } from '@volant/graph'
import type { Context } from './context.js'
import { Branch } from './tree.js'

/**
 * A layer: its parameters and layers as fields, and one `forward`. The names of the fields make the parameter paths, so
 * `class Tagger extends Module { encoder = new TransformerEncoder(…) }` has `encoder.layers.0.attention.query.weight`.
 * Fields may be modules, parameters, arrays and plain objects of these; #private fields are not seen.
 */
export abstract class Module<Inputs extends unknown[] = [Value], Output = Value> extends Branch {
  protected abstract forward(context: Context, ...inputs: Inputs): Output

  /** Appends the layer to the context's graph; its nodes carry the layer's path. */
  apply(context: Context, ...inputs: Inputs): Output {
    return context.within(this, () => this.forward(context, ...inputs))
  }
}
