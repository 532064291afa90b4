import type { GraphBuilder } from '../builder.js'
import type { Dim } from '../dims.js'
import { GraphError } from '../error.js'
import { concat, dimension, reshape } from '../functions/shape.js'
import type { Builder, Value } from '../graph.js'
import type { DType, Tensor } from '../tensor.js'
import { elementTypes } from './emitter.js'
import type { OnnxAttribute, OnnxNode } from './model.js'

/** Whole numbers known before the run, possibly symbolic: how ONNX computes shapes. A scalar has `rank` 0. */
export interface Known {
  dims: readonly Dim[]
  rank: 0 | 1
}

/** How an ONNX op is said in ours: the values of its outputs. */
export type ImportRule = (context: ImportContext) => Value | Value[]

/** What an import rule sees of a node. */
export class ImportContext {
  constructor(
    readonly builder: GraphBuilder,
    readonly node: OnnxNode,
    private readonly values: Map<string, Value>,
    private readonly known: Map<string, Known>,
    private readonly constants: ReadonlyMap<string, Tensor>,
  ) {}

  has(index: number): boolean {
    return Boolean(this.node.inputs[index])
  }

  get inputCount(): number {
    return this.node.inputs.length
  }

  /** An input as a value; shape numbers become one on demand. */
  value(index: number): Value {
    const name = this.node.inputs[index] ?? ''
    const value = this.values.get(name)
    if (value) return value
    const known = this.known.get(name)
    if (!known) return this.fail(`its input ${index} "${name}" is not defined`)
    const made = materialise(this.builder, known)
    this.values.set(name, made)
    return made
  }

  get all(): Value[] {
    return this.node.inputs.map((_, i) => this.value(i))
  }

  knownAt(index: number): Known | undefined {
    return this.known.get(this.node.inputs[index] ?? '')
  }

  /** An input that must be known before the run, such as axes or a shape. */
  dims(index: number): readonly Dim[] {
    return this.knownAt(index)?.dims ?? this.fail(`its input ${index} is computed at run time, which we cannot import`)
  }

  numbers(index: number): number[] {
    return this.dims(index).map((d) =>
      typeof d === 'number' ? d : this.fail(`its input ${index} must be numbers, found ${d}`),
    )
  }

  /** The single number of a constant input. */
  scalar(index: number, otherwise: number): number {
    if (!this.has(index)) return otherwise
    const tensor = this.constants.get(this.node.inputs[index]!)
    if (tensor?.data.length !== 1) return this.fail(`its input ${index} must be a constant number`)
    return Number(tensor.data[0])
  }

  /** The numbers of a constant input. */
  constant(index: number): number[] {
    const tensor = this.constants.get(this.node.inputs[index] ?? '')
    return tensor ? Array.from(tensor.data, Number) : this.fail(`its input ${index} must be a constant`)
  }

  int(name: string, otherwise: number): number {
    return this.#attribute(name, 'int')?.value ?? otherwise
  }

  float(name: string, otherwise: number): number {
    return this.#attribute(name, 'float')?.value ?? otherwise
  }

  ints(name: string): readonly number[] | undefined {
    return this.#attribute(name, 'ints')?.value
  }

  text(name: string, otherwise: string): string {
    return this.#attribute(name, 'string')?.value ?? otherwise
  }

  tensor(name: string): Tensor | undefined {
    return this.#attribute(name, 'tensor')?.value
  }

  dtype(name: string): DType {
    const number = this.int(name, 0)
    const found = Object.entries(elementTypes).find(([, type]) => type === number)
    return found ? (found[0] as DType) : this.fail(`the element type ${number} is not one of ours`)
  }

  fail(reason: string): never {
    throw new GraphError(`cannot import: ${reason}`, { op: `ONNX ${this.node.opType}`, path: this.node.name })
  }

  #attribute<K extends OnnxAttribute['kind']>(name: string, kind: K): Extract<OnnxAttribute, { kind: K }> | undefined {
    const attribute = this.node.attributes[name]
    return attribute?.kind === kind ? (attribute as Extract<OnnxAttribute, { kind: K }>) : undefined
  }
}

/** Shape numbers as a value of the graph. */
export function materialise(builder: Builder, { dims, rank }: Known): Value {
  if (dims.every((d) => typeof d === 'number'))
    return builder.constant(dims as number[], { dtype: 'int64', shape: rank === 0 ? [] : [dims.length] })
  const scalars = dims.map((d) => dimension(builder, d))
  return rank === 0
    ? scalars[0]!
    : concat(
        scalars.map((scalar) => reshape(scalar, [1])),
        0,
      )
}
