import { add, type Tensor, type Value } from '@volant/graph'
import { type CsrMatrix, type LinearModel, linearScores } from '@volant/nn'
import type { Streams } from '../encoders/encoder.js'
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
      const groups = groupInputs(inputs)
      return Object.fromEntries(
        outputs.map(({ name, type, state }) => {
          const columns = models[name]!.outputs
          let scores: Value = builder.parameter(biasPath(name), [columns])
          for (const group of groups) {
            const weight = builder.parameter(weightPath(name, group), [widthOf(group, inputs), columns])
            scores = add(scoresOf(group, inputs, streams, weight), scores)
          }
          return [name, type.decoder.rawOfLinearGraph(scores, state)]
        }),
      )
    },
  }
}

/** Inputs whose columns one parameter weighs. */
interface Group {
  /** Its part of the parameter's path. */
  readonly path: string
  readonly inputs: readonly string[]
}

/**
 * From so many inputs of one encoder on, they are computed together: the runtime prepares a model in a time that grows with
 * the square of its nodes.
 */
const many = 200

/** Each input by itself in its order, but very many of one encoder as one group. */
function groupInputs(inputs: Readonly<Record<string, FittedEncoder>>): Group[] {
  const byEncoder = new Map<string, string[]>()
  for (const [input, { encoder }] of Object.entries(inputs)) {
    const members = byEncoder.get(encoder.name)
    if (members) members.push(input)
    else byEncoder.set(encoder.name, [input])
  }
  return Object.entries(inputs).flatMap(([input, { encoder }]) => {
    const members = byEncoder.get(encoder.name)!
    if (members.length < many || !encoder.wide!.scoresTogether) return [{ path: pathPart(input), inputs: [input] }]
    return input === members[0] ? [{ path: `together.${encoder.name}`, inputs: members }] : []
  })
}

function widthOf(group: Group, inputs: Readonly<Record<string, FittedEncoder>>): number {
  return group.inputs.reduce((sum, input) => sum + inputs[input]!.encoder.wide!.width(inputs[input]!.state), 0)
}

function scoresOf(
  group: Group,
  inputs: Readonly<Record<string, FittedEncoder>>,
  streams: (input: string) => Streams,
  weight: Value,
): Value {
  const members = group.inputs.map((input) => ({ streams: streams(input), state: inputs[input]!.state }))
  const wide = inputs[group.inputs[0]!]!.encoder.wide!
  if (members.length > 1) return wide.scoresTogether!(members, weight)
  return wide.scores(members[0]!.streams, weight, members[0]!.state)
}

const weightPath = (output: string, group: Group) => `linear.${pathPart(output)}.${group.path}.weight`
const biasPath = (output: string) => `linear.${pathPart(output)}.bias`

/** The weights of a model cut by group, as the graph names them. */
function parametersOf(
  inputs: Readonly<Record<string, FittedEncoder>>,
  models: Readonly<Record<string, LinearModel>>,
): Map<string, Tensor> {
  const starts = new Map<string, number>()
  let columns = 0
  for (const [input, { encoder, state }] of Object.entries(inputs)) {
    starts.set(input, columns)
    columns += encoder.wide!.width(state)
  }
  const parameters = new Map<string, Tensor>()
  for (const [output, { weights, bias, outputs }] of Object.entries(models)) {
    parameters.set(biasPath(output), { dtype: 'float32', dims: [outputs], data: bias })
    for (const group of groupInputs(inputs)) {
      const width = widthOf(group, inputs)
      const data = new Float32Array(width * outputs)
      let at = 0
      for (const input of group.inputs) {
        const start = starts.get(input)!
        const rows = weights.subarray(
          start * outputs,
          (start + inputs[input]!.encoder.wide!.width(inputs[input]!.state)) * outputs,
        )
        data.set(rows, at)
        at += rows.length
      }
      parameters.set(weightPath(output, group), { dtype: 'float32', dims: [width, outputs], data })
    }
  }
  return parameters
}
