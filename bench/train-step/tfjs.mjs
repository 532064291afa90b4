// TensorFlow.js on its WebAssembly back end (one thread under Node: the back end has no threads there).
import { createRequire } from 'node:module'
import path from 'node:path'
import { contest } from '../contest/contestant.mjs'
import { settings, shape } from './shape.mjs'

const require = createRequire(import.meta.url)

contest(async () => {
  const tf = require('@tensorflow/tfjs')
  const { setWasmPaths } = require('@tensorflow/tfjs-backend-wasm')
  setWasmPaths(`${path.dirname(require.resolve('@tensorflow/tfjs-backend-wasm'))}/`)
  if (!(await tf.setBackend('wasm'))) throw new Error('the wasm back end did not start')

  const { layers, width, heads, hidden, batch, time } = shape
  const rows = batch * time
  const decaying = []
  const weight = (inputs, outputs) => {
    const variable = tf.variable(tf.randomUniform([inputs, outputs], -1, 1).mul(Math.sqrt(6 / (inputs + outputs))))
    decaying.push(variable.name)
    return variable
  }
  const linear = (inputs, outputs) => ({ w: weight(inputs, outputs), b: tf.variable(tf.zeros([outputs])) })
  const norm = () => ({ gamma: tf.variable(tf.ones([width])), beta: tf.variable(tf.zeros([width])) })
  const model = Array.from({ length: layers }, () => ({
    q: linear(width, width),
    k: linear(width, width),
    v: linear(width, width),
    o: linear(width, width),
    up: linear(width, hidden),
    down: linear(hidden, width),
    norm1: norm(),
    norm2: norm(),
  }))

  const apply = (x, { w, b }) => tf.add(tf.matMul(x, w), b)
  const normalise = (x, { gamma, beta }) => {
    const mean = tf.mean(x, 1, true)
    const centred = tf.sub(x, mean)
    const variance = tf.mean(tf.square(centred), 1, true)
    return tf.add(tf.mul(tf.mul(centred, tf.rsqrt(tf.add(variance, 1e-5))), gamma), beta)
  }
  const gelu = (x) => tf.mul(tf.mul(x, 0.5), tf.add(tf.erf(tf.mul(x, Math.SQRT1_2)), 1))
  const split = (x) => tf.transpose(tf.reshape(x, [batch, time, heads, width / heads]), [0, 2, 1, 3])
  const attend = (x, layer) => {
    const [q, k, v] = [layer.q, layer.k, layer.v].map((projection) => split(apply(x, projection)))
    const weights = tf.softmax(tf.mul(tf.matMul(q, k, false, true), 1 / Math.sqrt(width / heads)))
    const merged = tf.reshape(tf.transpose(tf.matMul(weights, v), [0, 2, 1, 3]), [rows, width])
    return apply(merged, layer.o)
  }
  const x = tf.randomNormal([rows, width])
  const y = tf.randomNormal([rows, width])
  const loss = () => {
    let h = x
    for (const layer of model) {
      h = normalise(tf.add(h, attend(h, layer)), layer.norm1)
      h = normalise(tf.add(h, apply(gelu(apply(h, layer.up)), layer.down)), layer.norm2)
    }
    return tf.mean(tf.square(tf.sub(h, y)))
  }

  const { clip, learningRate, weightDecay, beta1, beta2, epsilon } = settings
  const adam = tf.train.adam(learningRate, beta1, beta2, epsilon)
  return async () => {
    const { value, grads } = tf.variableGrads(loss)
    const clipped = tf.tidy(() => {
      const norm = tf.sqrt(tf.addN(Object.values(grads).map((g) => tf.sum(tf.square(g)))))
      const scale = tf.minimum(1, tf.div(clip, tf.add(norm, 1e-6)))
      for (const name of decaying) {
        const variable = tf.engine().registeredVariables[name]
        variable.assign(tf.mul(variable, 1 - learningRate * weightDecay))
      }
      return Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, tf.mul(g, scale)]))
    })
    adam.applyGradients(clipped)
    const [result] = await value.data()
    tf.dispose([value, grads, clipped])
    return result
  }
})
