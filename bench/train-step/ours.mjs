import {
  adamW,
  compileTraining,
  createRuntime,
  initialise,
  meanSquaredError,
  parameterCount,
  Random,
  TransformerEncoder,
} from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { settings, shape } from './shape.mjs'

const threads = Number(process.env.THREADS)

contest(async () => {
  const { layers, width, heads, hidden, batch, time } = shape
  const model = new TransformerEncoder({ layers, width, heads, hidden })
  process.stderr.write(`ours: ${parameterCount(model)} parameters\n`)
  const { clip, learningRate, ...adam } = settings
  const dims = [batch, time, width]
  const { programs, slots } = compileTraining({
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 'T', width] }, y: { dtype: 'float32', shape: ['B', 'T', width] } },
    loss: (context, { x, y }) => meanSquaredError(model.apply(context, x), y),
    optimiser: adamW(adam),
    clip,
  })
  const runtime = createRuntime({ threads })
  await runtime.load('step', programs.step)
  const state = Object.fromEntries(initialise(model, 1))
  for (const [path, shape] of slots)
    state[path] = { dtype: 'float32', dims: shape, data: new Float32Array(shape.reduce((a, b) => a * b)) }
  await runtime.write(state)
  const random = new Random(2)
  const data = () => ({
    dtype: 'float32',
    dims,
    data: Float32Array.from({ length: batch * time * width }, () => random.normal()),
  })
  const x = data()
  const y = data()
  let steps = 0
  return async () => {
    steps++
    const root = Math.sqrt(1 - adam.beta2 ** steps)
    const results = await runtime.step(
      'step',
      { x: { ...x, data: x.data.slice() }, y: { ...y, data: y.data.slice() } },
      {
        lossWeight: 1,
        learningRate,
        'adam.scale': root / (1 - adam.beta1 ** steps),
        'adam.epsilon': adam.epsilon * root,
      },
    )
    return results.loss.data[0]
  }
})
