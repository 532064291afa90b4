// A Transformer encoder of MiniLM's shape, no embedding table: 10.65 M parameters.
import { meanSquaredError, TransformerEncoder } from '@volant/nn'

export const shape = { layers: 6, width: 384, heads: 12, hidden: 1536 }

/** What trains it: tokens x -> y, both [B, T, width]. */
export function encoderTraining() {
  const model = new TransformerEncoder(shape)
  const tokens = { dtype: 'float32', shape: ['B', 'T', shape.width] }
  return {
    model,
    inputs: { x: tokens, y: tokens },
    loss: (context, { x, y }) => meanSquaredError(model.apply(context, x), y),
  }
}
