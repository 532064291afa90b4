import type { OnnxModel, OnnxNode } from '../onnx/model.js'
import type { Tensor } from '../tensor.js'
import { evaluate, hasEvaluator } from './evaluate.js'
import { OnnxRewriter, type PassedModel } from './onnx-rewriter.js'

/** A result may have this many bytes, or as many as all that it is made of; else folding would only make the file larger. */
const smallResult = 65_536

/**
 * Computes once what is the same at each run: nodes whose inputs are all initializers. Works on ONNX models, because weights
 * are given and shape work appears only when a graph is lowered. ONNX Runtime does the same when it loads a model; done here
 * as well, so that passes after it (quantisation) meet plain weights, and files hold neither twice.
 */
export function foldConstants(model: OnnxModel): PassedModel {
  const rewriter = new OnnxRewriter(model, 'constant folding')
  const outputs = new Set(model.graph.outputs.map((output) => output.name))
  for (const node of model.graph.nodes) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : rewriter.constant(name)))
    const isFixed = node.inputs.length > 0 && node.inputs.every((name, i) => name === '' || inputs[i])
    if (!isFixed) {
      rewriter.keep(node)
      continue
    }
    const result = fold(node, inputs, outputs)
    if (typeof result === 'string') rewriter.skip(node, result)
    else {
      rewriter.initializers.set(node.outputs[0]!, result)
      rewriter.applied(node, `is ${result.dtype} [${result.dims.join(', ')}] at each run`)
    }
  }
  return rewriter.finish()
}

function fold(node: OnnxNode, inputs: readonly (Tensor | undefined)[], outputs: ReadonlySet<string>): Tensor | string {
  if (!hasEvaluator(node)) return `there is no evaluator for ${node.opType}`
  if (node.outputs.some((name) => outputs.has(name))) return 'it is an output of the model'
  const result = evaluate(node, inputs)
  if (!result) return 'the evaluator does not cover these dtypes or attributes'
  const given = inputs.reduce((sum, tensor) => sum + (tensor?.data.byteLength ?? 0), 0)
  if (result.data.byteLength > Math.max(smallResult, given))
    return `${result.data.byteLength} bytes are more than it is made of`
  return result
}
