// The encoder that all contestants run, weights as they are initialised.
import {
  foldConstants,
  fuseForInference,
  GraphBuilder,
  lower,
  quantiseDynamic,
  shareCommonSubexpressions,
} from '@volant/graph'
import { Context, initialise, TransformerEncoder } from '@volant/nn'
import { shape } from '../contest/encoder.mjs'

/** The ONNX model, `fp32` or `int8`. */
export function encoder(kind) {
  const model = new TransformerEncoder(shape)
  const builder = new GraphBuilder('encoder')
  const context = new Context(builder, model)
  builder.output('y', model.apply(context, context.input('x', 'float32', ['B', 'T', shape.width])))
  const { graph } = shareCommonSubexpressions(fuseForInference(builder.build()).graph)
  const lowered = lower(graph, { opset: 18, provider: 'cpu', mode: 'infer' }, initialise(model, 1))
  const { model: fp32 } = foldConstants(lowered)
  return kind === 'int8' ? quantiseDynamic(fp32).model : fp32
}

/** Numbers as activations are, the same on each run. */
export function input(batch, time) {
  let state = 12345
  const data = Float32Array.from({ length: batch * time * shape.width }, () => {
    let sum = -6
    for (let i = 0; i < 12; i++) {
      state = (state * 48271) % 2147483647
      sum += state / 2147483647
    }
    return sum
  })
  return { dtype: 'float32', dims: [batch, time, shape.width], data }
}
