import { add, concat, GraphBuilder, lower, mul, type Tensor, type Value } from '@volant/graph'
import { type EncoderDescription, encoderAdapterFiles } from '@volant/models'
import {
  adamW,
  addAdapters,
  Context,
  cosine,
  matchesPath,
  mergeAdapters,
  openLowered,
  removeAdapters,
  type TrainResult,
  train as trainNetwork,
  walk,
  warmUp,
} from '@volant/nn'
import type { FeatureLayer } from '../encoders/encoder.js'
import { PretrainedLayer } from '../encoders/text/pretrained.js'
import { inputType } from '../registry.js'
import { resumable } from '../train/checkpoints.js'
import type { FittedOutput } from '../train/outputs.js'
import { declared, encodedData, rawScores, streamsAmong, targetName } from './batches.js'
import type { AdapterFiles, Candidate, FittedEncoder, Task, TrainedCandidate } from './candidate.js'
import { Network, pathPart } from './layers.js'
import { type NetworkName, type NetworkRecipe, recipeFor } from './recipes.js'
import { validationOf } from './validation.js'
import { epochSeconds, sampleOf } from './work.js'

/** Features of all inputs through a combiner to all outputs, trained by gradient descent. */
export function network(name: NetworkName, recipe?: NetworkRecipe): Candidate {
  return { name, train: (task) => trainCandidate(name, recipe ?? recipeFor(name, task.outputs), task) }
}

async function trainCandidate(name: NetworkName, recipe: NetworkRecipe, task: Task): Promise<TrainedCandidate> {
  const inputs = fitInputs(name, task)
  const layers = build(inputs, task.outputs, recipe)
  const epochs = Number(task.found?.['epochs'] ?? task.spec.train.epochs ?? recipe.epochs)
  const planned = Number(task.found?.['plannedEpochs'] ?? epochs)
  const stepsPlanned = planned * Math.ceil(task.train.rows / recipe.batchSize)
  const rate = warmUp(recipe.warmUp, cosine(recipe.learningRate))
  const data = encodedData(inputs, task.outputs, task.train)
  const initial = await pretrainedWeights(name, inputs, task)
  const model = { [name]: layers }
  const freeze = initial && chooseLearnt(recipe, model, pretrainedPaths(name, inputs), task.spec.train.learn)
  const result = await resumable(name, task, (checkpoint) =>
    trainNetwork({
      checkpoint,
      parallel: task.parallel,
      model,
      freeze,
      inputs: declared(inputs, task.outputs),
      loss: (context, values) => lossOf(layers, context, values, task.outputs, inputs, recipe.smoothing),
      data,
      batchSize: Math.min(recipe.batchSize, task.train.rows),
      epochs,
      optimiser: adamW({
        weightDecay: recipe.weightDecay,
        rates: pretrainedRates(recipe, layers, pretrainedPaths(name, inputs)),
      }),
      initial,
      // Trained again for the epochs that were best, the rate falls as it did then.
      schedule: (step) => rate(step, stepsPlanned),
      clip: recipe.clip,
      seed: task.spec.train.seed,
      threads: task.threads,
      signal: task.signal,
      ...validationOf({ name, layers, inputs, task }),
      onEvent: (event) => {
        if (event.type === 'step') task.onProgress({ fraction: event.step / event.totalSteps })
      },
    }),
  )
  // The rate falls to 0 at the end: a run that was not stopped is best ended there, whichever epoch was luckiest.
  const found = { epochs: result.stoppedEarly ? result.bestEpoch : epochs, plannedEpochs: planned }
  const adapters = recipe.learns === 'lora' || recipe.learns === 'dora' ? adaptersOf(name, layers, inputs, result) : []
  const parameters = mergeAdapters(result.parameters, model)
  removeAdapters(model)
  return { ...trainedNetwork(name, layers, inputs, task, parameters, found), adapters }
}

/** The paths of pretrained parts in the network. */
const pretrainedPaths = (name: NetworkName, inputs: Readonly<Record<string, FittedEncoder>>): string[] =>
  Object.entries(inputs).flatMap(([input, { encoder }]) => {
    const part = encoder.features!.pretrained
    return part === undefined ? [] : [`${name}.inputs.${pathPart(input)}.${part}`]
  })

/** Width of the network that rates of whole weights were found on. */
const measuredWidth = 384

/**
 * Factors of the learning rate of pretrained parts. Whole weights are moved the less the wider the network is, as Adam's rate has to
 * (Yang et al. 2022, "Tensor Programs V"); adapters and biases as the recipe says.
 */
function pretrainedRates({ pretrainedRate = 1, learns }: NetworkRecipe, layers: Network, paths: readonly string[]) {
  const isWhole = learns === undefined || learns === 'top' || learns === 'parts'
  return Object.fromEntries(
    paths.map((path) => {
      const { width } = layers.inputs[path.split('.')[2]!]!
      return [`${path}.**`, isWhole ? Math.min(1, (pretrainedRate * measuredWidth) / width) : pretrainedRate]
    }),
  )
}

/** Of the adapters. */
const adapter = { rank: 8, alpha: 16, dropout: 0.05 }

/** Whether the path of a parameter is what one of the patterns names, or within it; see `matchesPath`. */
export const isPartOf = (patterns: readonly string[], path: string): boolean =>
  patterns.some((pattern) => matchesPath(`${pattern}.**`, path))

/**
 * Puts adapters into the pretrained parts where the recipe has them.
 * @param patterns what `train.learn` names of them
 * @returns the paths that are not learnt
 */
function chooseLearnt(
  { learns }: NetworkRecipe,
  model: object,
  parts: readonly string[],
  patterns: readonly string[] = [],
): string[] {
  if (!learns) return []
  if (learns === 'lora' || learns === 'dora')
    addAdapters(model, { ...adapter, dora: learns === 'dora', targets: parts.map((path) => `${path}.**`) })
  const paths = [...walk(model).parameters.values()]
  const layers = paths.flatMap((path) => layerOf(path) ?? [])
  const half = Math.ceil((Math.max(...layers) + 1) / 2)
  const isLearnt = {
    parts: (path: string) =>
      parts.some((part) => path.startsWith(`${part}.`) && isPartOf(patterns, path.slice(part.length + 1))),
    top: (path: string) => (layerOf(path) ?? -1) >= half,
    biases: (path: string) => /[.](bias|beta)$/.test(path),
    lora: (path: string) => path.includes('.adapter.'),
    dora: (path: string) => path.includes('.adapter.'),
  }[learns]
  return paths.filter((path) => parts.some((part) => path.startsWith(`${part}.`)) && !isLearnt(path))
}

function layerOf(path: string): number | undefined {
  const number = /[.]layers[.](\d+)[.]/.exec(path)?.[1]
  return number === undefined ? undefined : Number(number)
}

/** What PEFT reads of the adapters of each pretrained part. */
function adaptersOf(
  name: NetworkName,
  layers: Network,
  inputs: Readonly<Record<string, FittedEncoder>>,
  { parameters }: TrainResult,
): AdapterFiles[] {
  return Object.entries(inputs).flatMap(([input, { state }]) => {
    const layer = layers.inputs[pathPart(input)]
    if (!(layer instanceof PretrainedLayer)) return []
    const prefix = `${name}.inputs.${pathPart(input)}.network.`
    const own = [...parameters].flatMap(([path, tensor]) =>
      path.startsWith(prefix) ? [[path.slice(prefix.length), tensor] as const] : [],
    )
    return encoderAdapterFiles(state as EncoderDescription, layer.network, new Map(own))
  })
}

/** First weights by path of what is pretrained. */
async function pretrainedWeights(
  name: NetworkName,
  inputs: Readonly<Record<string, FittedEncoder>>,
  { base }: Task,
): Promise<Map<string, Tensor> | undefined> {
  const paths = pretrainedPaths(name, inputs)
  if (!base || paths.length === 0) return undefined
  const weights = [...(await base.weights())]
  return new Map(paths.flatMap((path) => weights.map(([own, tensor]) => [`${path}.${own}`, tensor] as const)))
}

/** Nominal seconds of training a network once: the work counted on a sample of the rows. */
export function networkSeconds(
  name: NetworkName,
  { spec, outputs, train, base }: Pick<Task, 'spec' | 'outputs' | 'train' | 'base'>,
): number {
  const recipe = recipeFor(name, outputs)
  const sample = sampleOf(train)
  const inputs = fitInputs(name, { spec, train: sample, base })
  return (spec.train.epochs ?? recipe.epochs) * epochSeconds(build(inputs, outputs, recipe), inputs, sample, train.rows)
}

function fitInputs(
  name: NetworkName,
  { spec, train, base }: Pick<Task, 'spec' | 'train' | 'base'>,
): Record<string, FittedEncoder> {
  return Object.fromEntries(
    Object.entries(spec.inputs).map(([input, settings]) => {
      const type = inputType(settings.type)
      const encoder = type.encoders[type.features(name)]!
      return [input, { encoder, state: encoder.fit(train.inputs[input]!, settings, base?.description) }]
    }),
  )
}

function build(
  inputs: Readonly<Record<string, FittedEncoder>>,
  outputs: readonly FittedOutput[],
  recipe: NetworkRecipe,
): Network {
  const layers: Record<string, FeatureLayer> = {}
  for (const [input, { encoder, state }] of Object.entries(inputs)) {
    layers[input] = encoder.features!.layer(state, recipe.layer)
  }
  const widths = Object.fromEntries(outputs.map(({ name, type, state }) => [name, type.decoder.width(state)]))
  return new Network(layers, widths, recipe.combiner)
}

/** Sum of the outputs' losses by their weights, each the mean of the members' own losses. */
function lossOf(
  layers: Network,
  context: Context,
  values: Readonly<Record<string, Value>>,
  outputs: readonly FittedOutput[],
  inputs: Readonly<Record<string, FittedEncoder>>,
  smoothing: number,
): Value {
  const raw = layers.apply(context, streamsAmong(values, inputs), true)
  const losses = outputs.map(({ name, type, settings }) => {
    const targets = concat(new Array<Value>(layers.members).fill(values[targetName(name)]!), 0)
    return mul(type.decoder.loss(raw[name]!, targets, smoothing), settings.weight)
  })
  return losses.reduce((sum, loss) => add(sum, loss))
}

function trainedNetwork(
  name: NetworkName,
  layers: Network,
  inputs: Readonly<Record<string, FittedEncoder>>,
  { outputs, threads }: Task,
  parameters: TrainResult['parameters'],
  found: TrainedCandidate['found'],
): TrainedCandidate {
  const graph: TrainedCandidate['graph'] = (builder, streams) =>
    layers.apply(new Context(builder, { [name]: layers }), streams)
  return {
    name,
    found,
    inputs,
    parameters,
    graph,
    async raw(data) {
      const builder = new GraphBuilder(name)
      const values = Object.fromEntries(
        Object.entries(declared(inputs, [])).map(([input, { dtype, shape }]) => [
          input,
          builder.input(input, dtype, shape),
        ]),
      )
      for (const [output, value] of Object.entries(graph(builder, streamsAmong(values, inputs))))
        builder.output(output, value)
      const model = lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, parameters)
      const session = await openLowered(model, { threads: threads ?? 2, worker: true })
      try {
        return await rawScores(data, inputs, outputs, (batch) => session.run(batch))
      } finally {
        await session.release()
      }
    },
  }
}
