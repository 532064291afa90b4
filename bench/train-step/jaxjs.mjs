// jax-js on its WebAssembly back end, the whole step in one jit. A value used again is passed as `x.ref` (its memory model).
import { contest } from '../contest/contestant.mjs'
import { settings, shape } from './shape.mjs'

contest(async () => {
  const {
    defaultDevice,
    init,
    jit,
    nn,
    numpy: np,
    random,
    tree,
    valueAndGrad,
    blockUntilReady,
  } = await import('@jax-js/jax')
  await init('wasm')
  defaultDevice('wasm')

  const { layers, width, heads, hidden, batch, time } = shape
  const rows = batch * time
  let seed = 0
  const normal = (dims) => random.normal(random.key(seed++), dims)
  const linear = (inputs, outputs) => ({
    w: normal([inputs, outputs]).mul(Math.sqrt(2 / (inputs + outputs))),
    b: np.zeros([outputs]),
  })
  const norm = () => ({ gamma: np.ones([width]), beta: np.zeros([width]) })
  let model = Array.from({ length: layers }, () => ({
    q: linear(width, width),
    k: linear(width, width),
    v: linear(width, width),
    o: linear(width, width),
    up: linear(width, hidden),
    down: linear(hidden, width),
    norm1: norm(),
    norm2: norm(),
  }))

  const apply = (x, { w, b }) => np.matmul(x, w).add(b)
  const normalise = (x, { gamma, beta }) => {
    const centred = x.ref.sub(np.mean(x, 1, { keepdims: true }))
    const variance = np.mean(np.square(centred.ref), 1, { keepdims: true })
    return centred
      .div(np.sqrt(variance.add(1e-5)))
      .mul(gamma)
      .add(beta)
  }
  const split = (x) => np.transpose(x.reshape([batch, time, heads, width / heads]), [0, 2, 1, 3])
  const attend = (x, layer) => {
    const q = split(apply(x.ref, layer.q))
    const k = split(apply(x.ref, layer.k))
    const v = split(apply(x, layer.v))
    const scores = np.matmul(q, np.transpose(k, [0, 1, 3, 2])).mul(1 / Math.sqrt(width / heads))
    const merged = np.transpose(np.matmul(nn.softmax(scores, -1), v), [0, 2, 1, 3])
    return apply(merged.reshape([rows, width]), layer.o)
  }
  const loss = (parameters, x, y) => {
    let h = x
    for (const layer of parameters) {
      h = normalise(h.ref.add(attend(h, layer)), layer.norm1)
      h = normalise(h.ref.add(apply(nn.gelu(apply(h.ref, layer.up), { approximate: false }), layer.down)), layer.norm2)
    }
    return np.mean(np.square(h.sub(y)))
  }

  const { clip, learningRate, weightDecay, beta1, beta2, epsilon } = settings
  const update = jit((parameters, means, variances, x, y, correction1, correction2) => {
    const [value, gradients] = valueAndGrad(loss)(tree.ref(parameters), x, y)
    const squares = tree.leaves(tree.ref(gradients)).map((g) => np.square(g).sum())
    const norm = np.sqrt(squares.reduce((a, b) => a.add(b)))
    const scale = np.minimum(np.array(clip).div(norm.add(1e-6)), 1)
    const nextMeans = tree.map((m, g) => m.mul(beta1).add(g.mul(scale.ref).mul(1 - beta1)), means, tree.ref(gradients))
    const nextVariances = tree.map(
      (v, g) => v.mul(beta2).add(np.square(g.mul(scale.ref)).mul(1 - beta2)),
      variances,
      gradients,
    )
    scale.dispose()
    const next = tree.map(
      (p, m, v) => {
        const direction = m.mul(correction1.ref).div(np.sqrt(v.mul(correction2.ref)).add(epsilon))
        const kept = p.ndim === 2 ? p.mul(1 - learningRate * weightDecay) : p
        return kept.sub(direction.mul(learningRate))
      },
      parameters,
      tree.ref(nextMeans),
      tree.ref(nextVariances),
    )
    correction1.dispose()
    correction2.dispose()
    return [value, next, nextMeans, nextVariances]
  })

  const x = normal([rows, width])
  const y = normal([rows, width])
  let means = tree.map((p) => np.zeros(p.shape), model)
  let variances = tree.map((p) => np.zeros(p.shape), model)
  let steps = 0
  return async () => {
    steps++
    const corrections = [np.array(1 / (1 - beta1 ** steps)), np.array(1 / (1 - beta2 ** steps))]
    const [value, ...state] = update(model, means, variances, x.ref, y.ref, ...corrections)
    await blockUntilReady(state)
    model = state[0]
    means = state[1]
    variances = state[2]
    return (await value.data())[0]
  }
})
