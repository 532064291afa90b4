import { GraphError } from '../error.js'
import type { OnnxModel, OnnxNode } from '../onnx/model.js'
import { type Tensor, tensorOf } from '../tensor.js'
import { Observer, type Range, type RangeMethod } from './observer.js'
import { typesOf } from './onnx-types.js'
import { isProduct } from './products.js'

const outputName = (activation: string) => `observed:${activation}`

/**
 * Finds the ranges of a model's activations, which static quantisation needs: run `model` on a few hundred examples as the
 * model will see them, and pass what each run gives to `add`. (This package runs nothing; `openSession` of nn does.)
 */
export class Calibration {
  /** The model with one more output for each activation to be looked at, as a flat list. */
  readonly model: OnnxModel
  readonly #observers: ReadonlyMap<string, Observer>
  #runs = 0

  constructor(model: OnnxModel) {
    const { graph } = model
    const types = typesOf(model)
    const names = activations(model).filter((name) => types.get(name) === 'float32')
    this.#observers = new Map(names.map((name) => [name, new Observer()]))
    const flat = 'observed:flat'
    const nodes = names.map((name): OnnxNode => {
      const output = outputName(name)
      return { name: output, opType: 'Reshape', domain: '', inputs: [name, flat], outputs: [output], attributes: {} }
    })
    const outputs = names.map((name, i) => ({
      name: outputName(name),
      dtype: 'float32' as const,
      shape: [`observed_${i}`],
    }))
    this.model = {
      ...model,
      graph: {
        ...graph,
        nodes: [...graph.nodes, ...nodes],
        outputs: [...graph.outputs, ...outputs],
        initializers: new Map([...graph.initializers, [flat, tensorOf('int64', [1], [-1])]]),
      },
    }
  }

  /** Takes in the outputs of a run. Throws GraphError naming one that is missing. */
  add(outputs: Readonly<Record<string, Tensor>>): void {
    for (const [name, observer] of this.#observers) {
      const tensor = outputs[outputName(name)]
      if (!tensor) throw new GraphError(`calibration needs the output "${outputName(name)}" of its own model`)
      observer.add(tensor.data as Float32Array)
    }
    this.#runs++
  }

  /** The range of each activation. Throws GraphError when no run was taken in. */
  ranges(method: RangeMethod = 'minMax'): Map<string, Range> {
    if (this.#runs === 0) throw new GraphError('calibration has seen no run yet; run its model on examples')
    return new Map([...this.#observers].map(([name, observer]) => [name, observer.range(method)]))
  }
}

/** What products and convolutions read, and what convolutions give. */
const activations = ({ graph }: OnnxModel): string[] => [
  ...new Set(
    graph.nodes.flatMap((node) => {
      if (node.opType === 'Relu') return [node.outputs[0]!]
      if (node.opType === 'Conv') return [node.inputs[0]!, node.outputs[0]!]
      return isProduct(node) && !graph.initializers.has(node.inputs[0]!) ? [node.inputs[0]!] : []
    }),
  ),
]
