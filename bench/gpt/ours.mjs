import { tensorOf } from '@volant/graph'
import {
  adamW,
  compileTraining,
  createRuntime,
  GPT,
  initialise,
  nextTokenLoss,
  parameterCount,
  Random,
} from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { settings, shape } from './shape.mjs'

const threads = Number(process.env.THREADS)

contest(async () => {
  const { batch, context } = shape
  const model = new GPT({ ...shape, bias: false, positions: 'rotary' })
  process.stderr.write(`ours: ${parameterCount(model)} parameters\n`)
  const { clip, learningRate, ...adam } = settings
  const ids = { dtype: 'int64', shape: ['B', 'T'] }
  const { programs, slots } = compileTraining({
    model,
    inputs: { ids, labels: ids },
    loss: (graph, { ids, labels }) => nextTokenLoss(model.apply(graph, ids), labels),
    optimiser: adamW(adam),
    clip,
  })
  const runtime = createRuntime({ threads })
  await runtime.load('step', programs.step)
  const state = Object.fromEntries(initialise(model, 1))
  for (const [path, dims] of slots)
    state[path] = { dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) }
  await runtime.write(state)
  const random = new Random(2)
  const places = batch * context
  let steps = 0
  return async () => {
    steps++
    const text = Array.from({ length: places + 1 }, () => random.integer(shape.vocabulary))
    const root = Math.sqrt(1 - adam.beta2 ** steps)
    const { loss } = await runtime.step(
      'step',
      {
        ids: tensorOf('int64', [batch, context], text.slice(0, places)),
        labels: tensorOf('int64', [batch, context], text.slice(1)),
      },
      {
        lossWeight: 1,
        learningRate,
        'adam.scale': root / (1 - adam.beta1 ** steps),
        'adam.epsilon': adam.epsilon * root,
      },
    )
    return loss.data[0]
  }
})
