import { add, type Tensor, type Value } from '@volant/graph'
import { type CsrMatrix, type LinearModel, linearScores } from '@volant/nn'
import { inputType } from '../registry.js'
import type { Dataset } from '../train/dataset.js'
import { type FittedOutput, targetsOf } from '../train/outputs.js'
import type { Candidate, FittedEncoder, Task, TrainedCandidate } from './candidate.js'
import { besideEachOther } from './columns.js'
import { pathPart } from './layers.js'
import { linearSettings } from './recipes.js'

/** Every input's sparse columns side by side and one linear model an output (squared hinge, softmax or ridge). */
export const linear: Candidate = {
  name: 'linear',

  async train(task) {
    const inputs = fitWide(task)
    const x = wideRows(inputs, task.train)
    const models: Record<string, LinearModel> = {}
    for (const [place, output] of task.outputs.entries()) {
      models[output.name] = await output.type.decoder.solve(
        x,
        targetsOf(output, task.train),
        {
          ...linearSettings(task.spec),
          seed: task.spec.train.seed,
          signal: task.signal,
          onProgress: ({ fraction }) => task.onProgress({ fraction: (place + fraction) / task.outputs.length }),
        },
        output.state,
      )
    }
    return trainedLinear(inputs, task.outputs, models)
  },
}

function fitWide({ spec, train }: Task): Record<string, FittedEncoder> {
  return Object.fromEntries(
    Object.entries(spec.inputs).map(([name, settings]) => {
      const type = inputType(settings.type)
      const encoder = type.encoders[type.wide]!
      return [name, { encoder, state: encoder.fit(train.inputs[name]!, settings) }]
    }),
  )
}

function wideRows(inputs: Readonly<Record<string, FittedEncoder>>, data: Dataset): CsrMatrix {
  return besideEachOther(
    data.rows,
    Object.entries(inputs).map(([name, { encoder, state }]) => encoder.wide!.rows(data.inputs[name]!, state)),
  )
}

function trainedLinear(
  inputs: Readonly<Record<string, FittedEncoder>>,
  outputs: readonly FittedOutput[],
  models: Readonly<Record<string, LinearModel>>,
): TrainedCandidate {
  return {
    name: linear.name,
    found: {},
    inputs,
    parameters: parametersOf(inputs, models),

    async raw(data) {
      const x = wideRows(inputs, data)
      return Object.fromEntries(
        outputs.map(({ name, type, state }) => [name, type.decoder.rawOfLinear(linearScores(models[name]!, x), state)]),
      )
    },

    graph(builder, streams) {
      return Object.fromEntries(
        outputs.map(({ name, type, state }) => {
          const columns = models[name]!.outputs
          let scores: Value = builder.parameter(biasPath(name), [columns])
          for (const [input, { encoder, state: learnt }] of Object.entries(inputs)) {
            const wide = encoder.wide!
            const weight = builder.parameter(weightPath(name, input), [wide.width(learnt), columns])
            scores = add(wide.scores(streams(input), weight, learnt), scores)
          }
          return [name, type.decoder.rawOfLinearGraph(scores, state)]
        }),
      )
    },
  }
}

const weightPath = (output: string, input: string) => `linear.${pathPart(output)}.${pathPart(input)}.weight`
const biasPath = (output: string) => `linear.${pathPart(output)}.bias`

/** The weights of a model cut by input, as the graph names them. */
function parametersOf(
  inputs: Readonly<Record<string, FittedEncoder>>,
  models: Readonly<Record<string, LinearModel>>,
): Map<string, Tensor> {
  const parameters = new Map<string, Tensor>()
  for (const [output, { weights, bias, outputs }] of Object.entries(models)) {
    parameters.set(biasPath(output), { dtype: 'float32', dims: [outputs], data: bias })
    let from = 0
    for (const [input, { encoder, state }] of Object.entries(inputs)) {
      const width = encoder.wide!.width(state)
      const data = weights.slice(from * outputs, (from + width) * outputs)
      parameters.set(weightPath(output, input), { dtype: 'float32', dims: [width, outputs], data })
      from += width
    }
  }
  return parameters
}
