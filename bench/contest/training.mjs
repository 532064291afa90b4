// A training step as our side makes it: the public programs of @volant/nn.
import { adamW, compileTraining, createRuntime, firstState, optimiserScalars, parameterCount } from '@volant/nn'

/**
 * Resolves to `step(batch)`, which makes one training step with AdamW and resolves to its loss; the batch's arrays are gone then.
 * `first` holds first weights by path where they are not drawn.
 */
export async function training({ model, inputs, loss, settings, first = [] }) {
  process.stderr.write(`ours: ${parameterCount(model)} parameters\n`)
  const { clip, learningRate, ...adam } = settings
  const optimiser = adamW(adam)
  const compiled = compileTraining({
    model,
    inputs,
    loss: (context, values) => loss(context, values, model),
    optimiser,
    clip,
  })
  const runtime = createRuntime({ threads: Number(process.env.THREADS) })
  await runtime.load('step', compiled.programs.step)
  await runtime.write({ ...firstState(model, compiled, 1), ...Object.fromEntries(first) })
  let steps = 0
  return async (batch) => {
    const scalars = { lossWeight: 1, seed: ++steps, ...optimiserScalars(optimiser, steps, learningRate) }
    const results = await runtime.step('step', batch, scalars)
    return results.loss.data[0]
  }
}

/** A batch with arrays of its own: the peers' tensors lie ready when their turn begins, and so do ours. */
export const copyOf = (batch) =>
  Object.fromEntries(Object.entries(batch).map(([name, tensor]) => [name, { ...tensor, data: tensor.data.slice() }]))

/** A float32 tensor of normal numbers. */
export const normal = (random, ...dims) => ({
  dtype: 'float32',
  dims,
  data: Float32Array.from({ length: dims.reduce((a, b) => a * b) }, () => random.normal()),
})
