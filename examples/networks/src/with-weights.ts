import type { Tensor } from '@volant/graph'
import { compileEvaluation, createRuntime, type Predict, type TrainSettings } from '@volant/nn'

interface Evaluation extends Pick<TrainSettings, 'model' | 'inputs' | 'threads'> {
  readonly predict: NonNullable<TrainSettings['predict']>
  readonly parameters: ReadonlyMap<string, Tensor>
}

/** What `use` makes of the outputs `predict` of a model with the given weights. */
export async function withWeights<T>(
  { model, inputs, predict, parameters, threads }: Evaluation,
  use: (predict: Predict) => Promise<T>,
): Promise<T> {
  const runtime = createRuntime({ threads })
  try {
    await runtime.load('evaluate', compileEvaluation(model, inputs, predict))
    await runtime.write(Object.fromEntries(parameters))
    return await use((batch) => runtime.step('evaluate', batch))
  } finally {
    await runtime.release()
  }
}
