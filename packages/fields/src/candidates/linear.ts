import { add, matMul, type Tensor, type Value } from '@volant/graph'
import { Context, type CsrMatrix, type LinearModel, linearScores } from '@volant/nn'
import type { Streams } from '../encoders/encoder.js'
import { inputType } from '../registry.js'
import type { Dataset } from '../train/dataset.js'
import { targetsOf } from '../train/outputs.js'
import type { Candidate, FittedEncoder, Task, TrainedCandidate } from './candidate.js'
import { besideEachOther } from './columns.js'
import { pathPart } from './layers.js'
import { linearSettings } from './recipes.js'
import { denseRows, type TextVectors } from './vectors.js'

/** Every input's sparse columns side by side and one linear model an output (squared hinge, softmax or ridge). */
export const linear: Candidate = {
  name: 'linear',
  train: (task) => trainLinear('linear', task, linearSettings(task.spec)),
}

/** Vectors of the text inputs, in the place of their sparse columns, and the weights that give them. */
export interface WeighedVectors {
  readonly vectors: TextVectors
  readonly parameters: ReadonlyMap<string, Tensor>
}

/** A linear model of each output over the columns of all inputs. */
export async function trainLinear(
  name: string,
  task: Task,
  settings: { readonly C: number; readonly loss: 'hinge' | 'softmax' },
  text?: WeighedVectors,
): Promise<TrainedCandidate> {
  const columns = new Columns(name, task, text)
  const x = await columns.rows(task.train, task)
  const models: Record<string, LinearModel> = {}
  for (const [place, output] of task.outputs.entries()) {
    models[output.name] = await output.type.decoder.solve(
      x,
      targetsOf(output, task.train),
      {
        ...settings,
        seed: task.spec.train.seed,
        signal: task.signal,
        onProgress: ({ fraction }) => task.onProgress({ fraction: (place + fraction) / task.outputs.length }),
      },
      output.state,
    )
  }
  return trainedLinear(columns, task, models)
}

function trainedLinear(
  columns: Columns,
  { outputs, threads }: Pick<Task, 'outputs' | 'threads'>,
  models: Readonly<Record<string, LinearModel>>,
): TrainedCandidate {
  return {
    name: columns.name,
    found: {},
    inputs: columns.inputs,
    parameters: columns.parametersOf(models),

    async raw(data) {
      const x = await columns.rows(data, { threads })
      return Object.fromEntries(
        outputs.map(({ name, type, state }) => [name, type.decoder.rawOfLinear(linearScores(models[name]!, x), state)]),
      )
    },

    graph(builder, streams) {
      const weigh = columns.weigh(new Context(builder, columns.text?.vectors.model ?? {}), streams)
      return Object.fromEntries(
        outputs.map(({ name, type, state }) => [
          name,
          type.decoder.rawOfLinearGraph(weigh(name, models[name]!), state),
        ]),
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
const vectorsPath = 'vectors'

/** The columns of a linear model: first the vectors of texts, if there are any, then the sparse columns of the other inputs. */
class Columns {
  /** The inputs with sparse columns. */
  readonly wide: Readonly<Record<string, FittedEncoder>>
  readonly groups: readonly Group[]

  constructor(
    readonly name: string,
    task: Pick<Task, 'spec' | 'train'>,
    readonly text?: WeighedVectors,
  ) {
    this.wide = fitWide(task, text?.vectors.inputs ?? {})
    this.groups = groupInputs(this.wide)
  }

  get inputs(): Readonly<Record<string, FittedEncoder>> {
    return { ...this.text?.vectors.inputs, ...this.wide }
  }

  async rows(data: Dataset, options: Partial<Pick<Task, 'threads' | 'signal' | 'onProgress'>>): Promise<CsrMatrix> {
    const { text } = this
    const dense = text ? [denseRows(await text.vectors.rows(data, text.parameters, options), text.vectors.width)] : []
    const sparse = Object.entries(this.wide).map(([input, { encoder, state }]) =>
      encoder.wide!.rows(data.inputs[input]!, state),
    )
    return besideEachOther(data.rows, [...dense, ...sparse])
  }

  /** Gives the scores [batch, outputs of the model] of an output's model. */
  weigh(context: Context, streams: (input: string) => Streams): (output: string, model: LinearModel) => Value {
    const { builder } = context
    const vectors = this.text?.vectors.of(context, streams)
    return (output, { outputs }) => {
      let scores: Value = builder.parameter(this.#biasPath(output), [outputs])
      if (vectors)
        scores = add(
          matMul(vectors, builder.parameter(this.#weightPath(output, vectorsPath), [this.#dense, outputs])),
          scores,
        )
      for (const group of this.groups) {
        const weight = builder.parameter(this.#weightPath(output, group.path), [widthOf(group, this.wide), outputs])
        scores = add(scoresOf(group, this.wide, streams, weight), scores)
      }
      return scores
    }
  }

  /** The weights of the models cut by group, as the graph names them, and those of the vectors. */
  parametersOf(models: Readonly<Record<string, LinearModel>>): Map<string, Tensor> {
    const starts = new Map<string, number>()
    let columns = this.#dense
    for (const [input, { encoder, state }] of Object.entries(this.wide)) {
      starts.set(input, columns)
      columns += encoder.wide!.width(state)
    }
    const parameters = new Map<string, Tensor>(this.text?.parameters)
    for (const [output, { weights, bias, outputs }] of Object.entries(models)) {
      parameters.set(this.#biasPath(output), { dtype: 'float32', dims: [outputs], data: bias })
      if (this.text) {
        const data = weights.slice(0, this.#dense * outputs)
        parameters.set(this.#weightPath(output, vectorsPath), { dtype: 'float32', dims: [this.#dense, outputs], data })
      }
      for (const group of this.groups) {
        const width = widthOf(group, this.wide)
        const data = new Float32Array(width * outputs)
        let at = 0
        for (const input of group.inputs) {
          const start = starts.get(input)!
          const end = start + this.wide[input]!.encoder.wide!.width(this.wide[input]!.state)
          data.set(weights.subarray(start * outputs, end * outputs), at)
          at += (end - start) * outputs
        }
        parameters.set(this.#weightPath(output, group.path), { dtype: 'float32', dims: [width, outputs], data })
      }
    }
    return parameters
  }

  get #dense(): number {
    return this.text?.vectors.width ?? 0
  }

  #weightPath(output: string, part: string): string {
    return `${this.name}.${pathPart(output)}.${part}.weight`
  }

  #biasPath(output: string): string {
    return `${this.name}.${pathPart(output)}.bias`
  }
}

/** The sparse encoders of all inputs but those that are given otherwise. */
function fitWide(
  { spec, train }: Pick<Task, 'spec' | 'train'>,
  otherwise: Readonly<Record<string, FittedEncoder>>,
): Record<string, FittedEncoder> {
  return Object.fromEntries(
    Object.entries(spec.inputs)
      .filter(([name]) => !Object.hasOwn(otherwise, name))
      .map(([name, settings]) => {
        const type = inputType(settings.type)
        const encoder = type.encoders[type.wide]!
        return [name, { encoder, state: encoder.fit(train.inputs[name]!, settings) }]
      }),
  )
}

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
