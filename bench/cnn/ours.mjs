import {
  adamW,
  Cnn,
  compileTraining,
  createRuntime,
  crossEntropy,
  initialise,
  optimiserScalars,
  parameterCount,
  Random,
} from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { settings, shape } from './shape.mjs'

contest(async () => {
  const { size, channels, hidden, classes, batch, steps } = shape
  const model = new Cnn({ channels: 1, size: [size, size], widths: channels, hidden, classes })
  process.stderr.write(`ours: ${parameterCount(model)} parameters\n`)
  const { clip, learningRate, ...adam } = settings
  const optimiser = adamW(adam)
  const { programs, slots } = compileTraining({
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 1, size, size] }, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { x, y }) => crossEntropy(model.apply(context, x), y),
    optimiser,
    clip,
  })
  const runtime = createRuntime({ threads: Number(process.env.THREADS) })
  await runtime.load('step', programs.step)
  const state = Object.fromEntries(initialise(model, 1))
  for (const [path, dims] of slots)
    state[path] = { dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b)) }
  await runtime.write(state)
  const random = new Random(2)
  const x = Float32Array.from({ length: batch * size * size }, () => random.normal())
  const y = BigInt64Array.from({ length: batch }, () => BigInt(random.integer(classes)))
  let step = 0
  return async () => {
    let results
    for (let i = 0; i < steps; i++) {
      const fed = {
        x: { dtype: 'float32', dims: [batch, 1, size, size], data: x.slice() },
        y: { dtype: 'int64', dims: [batch], data: y.slice() },
      }
      results = await runtime.step('step', fed, { lossWeight: 1, ...optimiserScalars(optimiser, ++step, learningRate) })
    }
    return results.loss.data[0]
  }
})
