import type { Value } from '@volant/graph'
import type { Context, Predict, TrainSettings, Validation } from '@volant/nn'
import { measureAll } from '../metrics/index.js'
import { targetsOf } from '../train/outputs.js'
import { rawScores, streamsAmong } from './batches.js'
import type { FittedEncoder, Task } from './candidate.js'
import type { Network } from './layers.js'

/** Epochs without a better score after which a network stops. */
const patience = 6

interface Validated {
  readonly name: string
  readonly layers: Network
  readonly inputs: Readonly<Record<string, FittedEncoder>>
  readonly task: Task
}

/** After each epoch the validation rows are answered, a point of the curve is told, and the best weights are kept. */
export function validationOf(network: Validated): Pick<TrainSettings, 'predict' | 'validate' | 'earlyStopping'> {
  const { layers, inputs, task } = network
  if (task.valid.rows === 0) return {}
  return {
    predict: (context: Context, values: Readonly<Record<string, Value>>) =>
      layers.apply(context, streamsAmong(values, inputs)),
    validate: (predict, epoch) => validate(network, predict, epoch),
    earlyStopping: { patience },
  }
}

async function validate({ inputs, task }: Validated, predict: Predict, epoch: number): Promise<Validation> {
  const raw = await rawScores(task.valid, inputs, task.outputs, predict)
  let score = 0
  for (const output of task.outputs) {
    const { decoder, primary } = output.type
    const { name, state, settings } = output
    const targets = targetsOf(output, task.valid)
    const answers = decoder.answers(raw[name]!, decoder.calibrate(raw[name]!, targets, state), state)
    const outcomes = decoder.outcomes(targets, answers, state)
    if (outcomes.rows === 0) continue
    const metrics = measureAll(outcomes)
    score += settings.weight * decoder.badness(metrics, state)
    const value = metrics[primary]
    if (value === undefined) continue
    task.onProgress({ point: { epoch, output: name, metric: primary, value, loss: metrics.logLoss } })
  }
  return { score }
}
