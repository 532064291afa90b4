import {
  adamW,
  compileTraining,
  createRuntime,
  initialise,
  LSTM,
  meanSquaredError,
  optimiserScalars,
  parameterCount,
  Random,
} from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { settings, shape } from './shape.mjs'

contest(async () => {
  const { steps, inputs, hidden, batch } = shape
  const model = new LSTM(inputs, hidden, { bidirectional: true })
  process.stderr.write(`ours: ${parameterCount(model)} parameters\n`)
  const { clip, learningRate, ...adam } = settings
  const optimiser = adamW(adam)
  const { programs, slots } = compileTraining({
    model,
    inputs: {
      x: { dtype: 'float32', shape: ['B', 'T', inputs] },
      y: { dtype: 'float32', shape: ['B', 'T', model.width] },
    },
    loss: (context, { x, y }) => meanSquaredError(model.apply(context, x).y, y),
    optimiser,
    clip,
  })
  const runtime = createRuntime({ threads: Number(process.env.THREADS) })
  await runtime.load('step', programs.step)
  const state = Object.fromEntries(initialise(model, 1))
  for (const [path, dims] of slots)
    state[path] = { dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) }
  await runtime.write(state)
  const random = new Random(2)
  const normal = (...dims) => ({
    dtype: 'float32',
    dims,
    data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => random.normal()),
  })
  const x = normal(batch, steps, inputs)
  const y = normal(batch, steps, model.width)
  let step = 0
  return async () => {
    const fed = { x: { ...x, data: x.data.slice() }, y: { ...y, data: y.data.slice() } }
    const scalars = { lossWeight: 1, ...optimiserScalars(optimiser, ++step, learningRate) }
    const { loss } = await runtime.step('step', fed, scalars)
    return loss.data[0]
  }
})
