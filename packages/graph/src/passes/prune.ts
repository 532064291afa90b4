import { checkGraph } from '../check.js'
import { GraphError } from '../error.js'
import type { Graph } from '../graph.js'
import { elementCount, type Tensor } from '../tensor.js'
import type { PassReport, Place } from './report.js'

export interface PruneOptions {
  /** Share of the weights to set to 0, in [0, 1). */
  readonly sparsity: number
  /** `layer` (default): so many of each weight; `global`: of all together, those smallest beside all others. */
  readonly scope?: 'layer' | 'global'
  /** `element` (default), or whole `outputs`: the column of a linear layer, the filter of a convolution. */
  readonly structure?: 'element' | 'output'
  /** Parameters to leave alone, by path. */
  readonly keep?: (path: string) => boolean
}

export interface Pruned {
  readonly weights: Map<string, Tensor>
  /** Per pruned parameter 1 where a weight is kept and 0 where not; multiply updates by it to train on. */
  readonly masks: Map<string, Uint8Array>
  /** Zeros among all weights looked at, from 0 to 1. */
  readonly sparsity: number
  readonly report: PassReport
}

/** Which input of an op is its weight, and the axis of that weight that runs over outputs. */
const weightInputs: Readonly<Record<string, readonly { input: number; outputs: number }[]>> = {
  linear: [{ input: 1, outputs: 1 }],
  matMul: [{ input: 1, outputs: 1 }],
  conv: [{ input: 1, outputs: 0 }],
  feedForward: [
    { input: 1, outputs: 1 },
    { input: 3, outputs: 1 },
  ],
}

/**
 * Sets the weights of least magnitude to 0 (Han et al. 2015, "Learning both weights and connections"). Works on the weights of
 * our graphs, since a pruned model is trained on; the graph tells which parameters are weights of products and convolutions,
 * and stays as it is. Dense kernels run zeros at full cost: what shrinks is the compressed file, and accuracy a little.
 * Throws GraphError for a sparsity out of range.
 */
export function pruneByMagnitude(graph: Graph, weights: ReadonlyMap<string, Tensor>, options: PruneOptions): Pruned {
  const { sparsity, scope = 'layer', structure = 'element', keep = () => false } = options
  if (!(sparsity >= 0 && sparsity < 1)) throw new GraphError(`the sparsity must be in [0, 1), found ${sparsity}`)
  checkGraph(graph)
  const axes = outputAxes(graph)
  const places: Place[] = []
  const prunable: Scored[] = []
  for (const { path, value } of graph.parameters) {
    const tensor = weights.get(path)
    const axis = axes.get(value)
    const why =
      axis === undefined
        ? 'no weight of a product or convolution'
        : !tensor
          ? 'no values were given'
          : tensor.dtype !== 'float32'
            ? `its numbers are ${tensor.dtype}`
            : keep(path)
              ? 'asked to keep'
              : undefined
    if (why) places.push({ at: path, op: 'parameter', applied: false, what: why })
    else prunable.push(scored(path, tensor!, structure === 'output' ? axis : undefined))
  }
  const together = scope === 'global' ? thresholdOf(prunable, sparsity) : undefined
  const result = new Map(weights)
  const masks = new Map<string, Uint8Array>()
  let [zeros, all] = [0, 0]
  for (const one of prunable) {
    const mask = maskOf(one, together ?? thresholdOf([one], sparsity))
    const data = (one.tensor.data as Float32Array).map((v, i) => (mask[i] ? v : 0))
    result.set(one.path, { ...one.tensor, data })
    masks.set(one.path, mask)
    const gone = data.reduce((count, v) => count + +(v === 0), 0)
    zeros += gone
    all += data.length
    const share = ((100 * gone) / data.length).toFixed(1)
    places.push({ at: one.path, op: 'parameter', applied: true, what: `${share} % of ${data.length} weights are 0` })
  }
  const report = { pass: 'magnitude pruning', places, customOps: [] }
  return { weights: result, masks, sparsity: all === 0 ? 0 : zeros / all, report }
}

/** A parameter with the magnitude of each unit that is kept or goes: an element, or an output's root mean square. */
interface Scored {
  readonly path: string
  readonly tensor: Tensor
  readonly magnitudes: Float32Array
  /** The unit of each element. */
  readonly unitOf: (element: number) => number
}

function scored(path: string, tensor: Tensor, axis: number | undefined): Scored {
  const data = tensor.data as Float32Array
  if (axis === undefined) return { path, tensor, magnitudes: data.map(Math.abs), unitOf: (element) => element }
  const units = tensor.dims[axis]!
  const inner = elementCount(tensor.dims.slice(axis + 1))
  const unitOf = (element: number) => Math.floor(element / inner) % units
  const squares = new Float64Array(units)
  data.forEach((v, i) => {
    squares[unitOf(i)]! += v * v
  })
  const size = data.length / units
  return { path, tensor, magnitudes: Float32Array.from(squares, (s) => Math.sqrt(s / size)), unitOf }
}

/** The magnitude below which the share of units lies. */
function thresholdOf(all: readonly Scored[], sparsity: number): number {
  const sorted = new Float32Array(all.reduce((sum, { magnitudes }) => sum + magnitudes.length, 0))
  let at = 0
  for (const { magnitudes } of all) {
    sorted.set(magnitudes, at)
    at += magnitudes.length
  }
  sorted.sort()
  return sorted[Math.round(sparsity * sorted.length)] ?? Number.POSITIVE_INFINITY
}

const maskOf = ({ tensor, magnitudes, unitOf }: Scored, threshold: number): Uint8Array =>
  Uint8Array.from({ length: tensor.data.length }, (_, i) => +(magnitudes[unitOf(i)]! >= threshold))

/** Parameters that are weights, and their axis of outputs. What is also read otherwise (a tied embedding) is left out. */
function outputAxes(graph: Graph): Map<number, number> {
  const axes = new Map<number, number>()
  const otherwise = new Set<number>()
  for (const { op, inputs, attributes } of graph.nodes)
    inputs.forEach((id, i) => {
      const weight = weightInputs[op]?.find(({ input }) => input === i)
      if (!weight) otherwise.add(id)
      else axes.set(id, op === 'matMul' && attributes['transB'] === true ? 0 : weight.outputs)
    })
  return new Map([...axes].filter(([id]) => !otherwise.has(id)))
}
