import { type Dim, dim, type Shape } from './dims.js'
import { GraphError } from './error.js'
import type { Attributes, Builder, ConstantOptions, Graph, Node, Value, ValueInfo } from './graph.js'
import { ruleOf } from './ops/table.js'
import { RuleViolation } from './rule.js'
import { type DType, elementCount, type Tensor, tensorOf } from './tensor.js'

/**
 * Builds a graph by appending; nothing appended is ever changed.
 *
 * ```ts
 * const b = new GraphBuilder('line')
 * const x = b.input('x', 'float32', ['N', 1])
 * b.output('y', linear(x, b.parameter('w', [1, 1]), b.parameter('b', [1])))
 * const graph = b.build()
 * ```
 */
export class GraphBuilder implements Builder {
  readonly #values: ValueInfo[] = []
  readonly #nodes: Node[] = []
  readonly #inputs: Graph['inputs'][number][] = []
  readonly #parameters: Graph['parameters'][number][] = []
  readonly #constants: Graph['constants'][number][] = []
  readonly #outputs: Graph['outputs'][number][] = []
  readonly #handles: Value[] = []
  readonly #recomputed: [from: number, to: number][] = []
  #recomputing = false
  #path = ''

  constructor(readonly name = 'graph') {}

  /** The module path of what is being appended, e.g. `encoder.layers.3`. */
  get path(): string {
    return this.#path
  }

  /** Something fed at each run. Named dims (`['B', 'T']`) stand for any size. Throws when the name is taken. */
  input(name: string, dtype: DType, shape: Shape): Value {
    this.#refuseTaken(name)
    const value = this.#add({ dtype, shape: shape.map(dim) })
    this.#inputs.push({ name, value: value.id })
    return value
  }

  /** Resident state, named by its full path in the model, e.g. `encoder.layers.3.attention.query.weight`. */
  parameter(path: string, shape: readonly number[], options: { trainable?: boolean; dtype?: DType } = {}): Value {
    this.#refuseTaken(path)
    const value = this.#add({ dtype: options.dtype ?? 'float32', shape: [...shape] })
    this.#parameters.push({ path, value: value.id, trainable: options.trainable ?? true })
    return value
  }

  /** A fixed tensor: a number (shape []), a list (shape [n]), or a typed array with its shape. */
  constant(data: number | readonly number[] | Tensor['data'], options: ConstantOptions = {}): Value {
    const dtype = options.dtype ?? (ArrayBuffer.isView(data) ? dtypeOf(data) : 'float32')
    const values = typeof data === 'number' ? [data] : data
    const dims = options.shape ?? (typeof data === 'number' ? [] : [values.length])
    if (elementCount(dims) !== values.length)
      throw new GraphError(`a constant of ${values.length} numbers cannot have the shape`, {
        path: this.#path,
        shapes: [dims],
      })
    const tensor = ArrayBuffer.isView(values)
      ? { dtype, dims: [...dims], data: values }
      : tensorOf(dtype, [...dims], values)
    const value = this.#add({ dtype, shape: [...dims] })
    this.#constants.push({ value: value.id, tensor })
    return value
  }

  output(name: string, value: Value): void {
    if (value.builder !== this) throw new GraphError(`output "${name}" belongs to another builder`)
    if (this.#outputs.some((o) => o.name === name)) throw new GraphError(`the output "${name}" exists already`)
    this.#outputs.push({ name, value: value.id })
  }

  /** Runs the body with the name appended to the module path. */
  scope<T>(name: string, body: () => T): T {
    return this.at(this.#path ? `${this.#path}.${name}` : name, body)
  }

  /** Runs the body with the module path given. */
  at<T>(path: string, body: () => T): T {
    const before = this.#path
    this.#path = path
    try {
      return body()
    } finally {
      this.#path = before
    }
  }

  /**
   * Runs the body; what it appends is computed again in the backward pass instead of being kept for it: less memory for more time.
   * Inside of such a part this changes nothing.
   */
  recomputed<T>(body: () => T): T {
    if (this.#recomputing) return body()
    const from = this.#nodes.length
    this.#recomputing = true
    try {
      return body()
    } finally {
      this.#recomputing = false
      this.#recomputed.push([from, this.#nodes.length])
    }
  }

  /** Ranges of `nodes` that are computed again in the backward pass. */
  get recomputedRanges(): readonly (readonly [from: number, to: number])[] {
    return this.#recomputed
  }

  /** Whether a value is a parameter or a constant. */
  isResident(id: number): boolean {
    return this.#parameters.some((p) => p.value === id) || this.#constants.some((c) => c.value === id)
  }

  /** Appends a node; the op functions (`mul`, `attention`, …) are the readable way to do so. */
  append(op: string, inputs: readonly Value[], attributes: Attributes = {}): Value[] {
    const details = { op, path: this.#path, shapes: inputs.map((v) => v.shape) }
    for (const value of inputs)
      if (value.builder !== this) throw new GraphError('an operand belongs to another builder', details)
    const outputs = inferShapes(op, inputs, attributes, details).map((info) => this.#add(info))
    this.#nodes.push({
      op,
      inputs: inputs.map((v) => v.id),
      outputs: outputs.map((v) => v.id),
      attributes,
      path: this.#path,
    })
    return outputs
  }

  /** The graph as frozen plain data, with the outputs declared or those given. Only nodes that some output needs are kept. */
  build(outputs: Graph['outputs'] = this.#outputs): Graph {
    const needed = new Set(outputs.map((o) => o.value))
    const nodes: Node[] = []
    for (const node of this.#nodes.toReversed()) {
      if (!node.outputs.some((id) => needed.has(id))) continue
      for (const id of node.inputs) needed.add(id)
      nodes.push(node)
    }
    return Object.freeze({
      name: this.name,
      values: [...this.#values],
      inputs: [...this.#inputs],
      parameters: [...this.#parameters],
      constants: this.#constants.filter((c) => needed.has(c.value)),
      nodes: nodes.reverse(),
      outputs: [...outputs],
    })
  }

  /** The nodes so far, for the walk of `gradients`. */
  get nodes(): readonly Node[] {
    return this.#nodes
  }

  value(id: number): Value {
    return this.#handles[id]!
  }

  #add(info: ValueInfo): Value {
    const value = Object.freeze({ id: this.#values.length, dtype: info.dtype, shape: info.shape, builder: this })
    this.#values.push({ dtype: info.dtype, shape: info.shape })
    this.#handles.push(value)
    return value
  }

  #refuseTaken(name: string): void {
    if (this.#inputs.some((i) => i.name === name) || this.#parameters.some((p) => p.path === name))
      throw new GraphError(`the name "${name}" is taken by another input or parameter`, { path: this.#path })
  }
}

/** Applies the shape rule of an op; a violation names the op, the path and the input shapes. */
export function inferShapes(
  op: string,
  x: readonly ValueInfo[],
  attributes: Attributes,
  details: { op: string; path: string; shapes: readonly (readonly Dim[])[] },
): ValueInfo[] {
  try {
    return ruleOf(op, details.path).shape({ x, attributes })
  } catch (error) {
    if (error instanceof RuleViolation || error instanceof RangeError) throw new GraphError(error.message, details)
    throw error
  }
}

function dtypeOf(data: Tensor['data']): DType {
  if (data instanceof Float32Array) return 'float32'
  if (data instanceof Float64Array) return 'float64'
  if (data instanceof BigInt64Array) return 'int64'
  if (data instanceof Int32Array) return 'int32'
  if (data instanceof Uint32Array) return 'uint32'
  if (data instanceof Int8Array) return 'int8'
  if (data instanceof Uint8Array) return 'uint8'
  return 'float16'
}
