// The ceiling: the matrix products of the step run alone, by the same ONNX Runtime.
import { encodeOnnx, GraphBuilder, lower, matMul } from '@volant/graph'
import { InferenceSession, Tensor } from 'onnxruntime-node'
import { contest } from '../contest/contestant.mjs'
import { products } from './shape.mjs'

contest(async () => {
  const builder = new GraphBuilder('products')
  const feeds = {}
  const input = (name, dims) => {
    feeds[name] = new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b)).fill(0.01), dims)
    return builder.input(name, 'float32', dims)
  }
  products().forEach(({ count, m, k, n, transA, transB }, i) => {
    const batch = count ? [count] : []
    const a = input(`a${i}`, [...batch, ...(transA ? [k, m] : [m, k])])
    const b = input(`b${i}`, [...batch, ...(transB ? [n, k] : [k, n])])
    builder.output(`c${i}`, matMul(a, b, { transA, transB }))
  })
  const one = input('one', [1, 1])
  builder.output('c', matMul(one, one))
  const model = encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }))
  const session = await InferenceSession.create(model, {
    intraOpNumThreads: Number(process.env.THREADS),
    interOpNumThreads: 1,
    logSeverityLevel: 3,
    enableMemPattern: false,
    // Threads that spin after their turn would take the cores of the next contestant.
    extra: { session: { force_spinning_stop: '1' } },
  })
  // Fetching only the smallest output costs nothing and still runs every product.
  return async () => {
    await session.run(feeds, ['c'])
  }
})
