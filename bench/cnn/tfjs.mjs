// TensorFlow.js on its plain JavaScript back end: the WebAssembly one has no gradient of a convolution's weights
// ("Kernel 'Conv2DBackpropFilter' not registered for backend 'wasm'", 4.22.0). One step a turn.
import { createRequire } from 'node:module'
import { contest } from '../contest/contestant.mjs'
import { settings, shape } from './shape.mjs'

const require = createRequire(import.meta.url)

contest(async () => {
  const tf = require('@tensorflow/tfjs')
  await tf.setBackend('cpu')

  const { size, channels, hidden, classes, batch } = shape
  const [first, second] = channels
  const weight = (dims, inputs) => tf.variable(tf.randomNormal(dims).mul(Math.sqrt(2 / inputs)))
  const zeros = (count) => tf.variable(tf.zeros([count]))
  const flat = second * (size / 4) ** 2
  const weights = [
    weight([3, 3, 1, first], 9),
    weight([3, 3, first, second], 9 * first),
    weight([flat, hidden], flat),
    weight([hidden, classes], hidden),
  ]
  const biases = [zeros(first), zeros(second), zeros(hidden), zeros(classes)]
  const x = tf.randomNormal([batch, size, size, 1])
  const y = tf.oneHot(tf.randomUniform([batch], 0, classes, 'int32'), classes)
  const loss = () => {
    const block = (h, i) => tf.maxPool(tf.relu(tf.add(tf.conv2d(h, weights[i], 1, 'same'), biases[i])), 2, 2, 'valid')
    const features = tf.reshape(block(block(x, 0), 1), [batch, flat])
    const h = tf.relu(tf.add(tf.matMul(features, weights[2]), biases[2]))
    return tf.losses.softmaxCrossEntropy(y, tf.add(tf.matMul(h, weights[3]), biases[3]))
  }
  const { clip, learningRate, weightDecay, beta1, beta2, epsilon } = settings
  const adam = tf.train.adam(learningRate, beta1, beta2, epsilon)
  return async () => {
    const { value, grads } = tf.variableGrads(loss)
    const clipped = tf.tidy(() => {
      const norm = tf.sqrt(tf.addN(Object.values(grads).map((g) => tf.sum(tf.square(g)))))
      const scale = tf.minimum(1, tf.div(clip, tf.add(norm, 1e-6)))
      for (const variable of weights) variable.assign(tf.mul(variable, 1 - learningRate * weightDecay))
      return Object.fromEntries(Object.entries(grads).map(([name, g]) => [name, tf.mul(g, scale)]))
    })
    adam.applyGradients(clipped)
    const [result] = await value.data()
    tf.dispose([value, grads, clipped])
    return result
  }
})
