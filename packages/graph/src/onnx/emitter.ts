import { type Dim, dimTerms, divideDims, floorParts, type Shape, sizeOf, subtractDims } from '../dims.js'
import { GraphError } from '../error.js'
import { bytesOf, type DType, type Tensor, tensorOf } from '../tensor.js'
import type { OnnxAttribute, OnnxNode, OnnxValueInfo } from './model.js'

export interface Target {
  opset: 18
  provider: 'cpu'
  /** train: saved outputs and folded forms for the backward pass; infer: forms that the runtime fuses itself. */
  mode: 'train' | 'infer'
}

/** Bytes up to which equal constants are recognised; beyond, comparing costs more than it saves. */
const largestShared = 1024

type AttributeInput = number | string | readonly number[] | OnnxAttribute

/** Whole numbers become int, others float; write `float(1)` where a float is meant. */
const attribute = (value: AttributeInput): OnnxAttribute => {
  if (typeof value === 'number') return Number.isInteger(value) ? { kind: 'int', value } : { kind: 'float', value }
  if (typeof value === 'string') return { kind: 'string', value }
  return 'kind' in value ? value : { kind: 'ints', value }
}

export const float = (value: number): OnnxAttribute => ({ kind: 'float', value })

/** ONNX's numbers for element types (TensorProto.DataType). */
export const elementTypes = {
  float32: 1,
  uint8: 2,
  int8: 3,
  int32: 6,
  int64: 7,
  bool: 9,
  float16: 10,
  float64: 11,
  uint32: 12,
} as const satisfies Record<DType, number>

/**
 * Collects ONNX nodes. The same op on the same inputs is emitted once, so that shape work and whatever forward and backward
 * pass have in common is shared without anybody arranging it.
 */
export class Emitter {
  /** The graph being written, and around it those it is an attribute of. */
  #open: Written[] = [{ nodes: [], known: new Map() }]
  readonly initializers = new Map<string, Tensor>()
  /** Module path of the nodes being emitted. */
  path = ''
  #count = 0

  constructor(
    readonly target: Target,
    /** Graph inputs by name; symbolic dims are read from their shapes at run time. */
    private readonly feeds: readonly { name: string; shape: Shape }[],
  ) {}

  /** Emits a node and returns the name of its (first) output. */
  op(
    opType: string,
    inputs: readonly string[],
    attributes: Readonly<Record<string, AttributeInput>> = {},
    domain = '',
  ): string {
    return this.ops(opType, inputs, 1, attributes, domain)[0]!
  }

  /** Emits a node with several outputs. */
  ops(
    opType: string,
    inputs: readonly string[],
    outputs: number,
    attributes: Readonly<Record<string, AttributeInput>> = {},
    domain = '',
  ): readonly string[] {
    const typed = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, attribute(value)]))
    const key = `${domain}|${opType}|${inputs.join(',')}|${outputs}|${JSON.stringify(typed, withTensorBytes)}`
    const known = this.#recall(key)
    if (known) return known
    const names = this.#append(opType, inputs, outputs, typed, domain)
    this.#open[0]!.known.set(key, names)
    return names
  }

  /** All nodes, once no body is open. */
  get nodes(): readonly OnnxNode[] {
    return this.#open.at(-1)!.nodes
  }

  /**
   * A graph to be an attribute of a node, such as the body of a Scan. `write` gets the names of its inputs and returns those
   * of its outputs; it may read any name outside of the body.
   */
  body(
    inputs: readonly Port[],
    outputs: readonly Port[],
    write: (...names: string[]) => readonly string[],
  ): OnnxAttribute {
    const named = inputs.map((port): OnnxValueInfo => ({ ...port, name: `body_${this.#count++}` }))
    const written: Written = { nodes: [], known: new Map() }
    this.#open.unshift(written)
    const taken = new Set<string>()
    const results = write(...named.map(({ name }) => name)).map((name) => {
      const own = !taken.has(name) && written.nodes.some((node) => node.outputs.includes(name))
      taken.add(name)
      // An output must be a node's own: what is passed on, or given twice, is copied.
      return own ? name : this.#append('Identity', [name], 1, {})[0]!
    })
    this.#open.shift()
    return {
      kind: 'graph',
      value: {
        name: `${this.path ? `${this.path}/` : ''}body_${this.#count++}`,
        nodes: written.nodes,
        inputs: named,
        outputs: outputs.map((port, i) => ({ ...port, name: results[i]! })),
        initializers: new Map(),
      },
    }
  }

  /** A constant as an initializer, shared by content. */
  tensor(tensor: Tensor): string {
    if (tensor.data.byteLength > largestShared) return this.#initializer(tensor)
    const key = `tensor|${tensor.dtype}|${tensor.dims}|${bytesOf(tensor.data).join()}`
    const known = this.#recall(key)
    if (known) return known[0]!
    const name = this.#initializer(tensor)
    this.#open.at(-1)!.known.set(key, [name])
    return name
  }

  scalar(value: number, dtype: DType = 'float32'): string {
    return this.tensor(tensorOf(dtype, [], [value]))
  }

  ints(values: readonly number[]): string {
    return this.tensor(tensorOf('int64', [values.length], values))
  }

  cast(name: string, dtype: DType): string {
    return this.op('Cast', [name], { to: elementTypes[dtype] })
  }

  /** A dim as an int64 scalar, computed from the input that carries the name. */
  dim(value: Dim): string {
    if (typeof value === 'number') return this.scalar(value, 'int64')
    return this.op('Squeeze', [this.#dimVector(value)])
  }

  /** A shape as an int64 vector. */
  shape(shape: Shape): string {
    if (shape.every((d) => typeof d === 'number')) return this.ints(shape as number[])
    const parts: string[] = []
    let run: number[] = []
    const flush = () => {
      if (run.length > 0) parts.push(this.ints(run))
      run = []
    }
    for (const d of shape) {
      if (typeof d === 'number') run.push(d)
      else {
        flush()
        parts.push(this.#dimVector(d))
      }
    }
    flush()
    return parts.length === 1 ? parts[0]! : this.op('Concat', parts, { axis: 0 })
  }

  /** Reshapes with as little run-time shape work as the two shapes allow: 0 copies a dim, one -1 is inferred. */
  reshape(name: string, from: Shape, to: Shape): string {
    if (from.length === to.length && from.every((d, i) => d === to[i])) return name
    const target: Dim[] = to.map((d, i) => (d === from[i] && d !== 0 ? 0 : d))
    const symbolic = target.flatMap((d, i) => (typeof d === 'string' ? [i] : []))
    const mayInfer = !from.includes(0) && !to.includes(0)
    if (symbolic.length === 1 && mayInfer) target[symbolic[0]!] = -1
    else if (symbolic.length > 1 && mayInfer) {
      target[symbolic.at(-1)!] = -1
      return this.op('Reshape', [name, this.shape(target)])
    }
    if (to.includes(0)) return this.op('Reshape', [name, this.shape(to)], { allowzero: 1 })
    return this.op('Reshape', [name, this.shape(target)])
  }

  /** Elements start, start+step, … below end, along one axis of the given size. */
  slice(name: string, at: { axis: number; size: Dim; start: Dim; end: Dim; step?: number }): string {
    const { axis, size, start, end, step = 1 } = at
    if (start === 0 && end === size && step === 1) return name
    const toEnd = subtractDims(size, end)
    const stop = toEnd === 0 ? Number.MAX_SAFE_INTEGER : typeof toEnd === 'number' && toEnd > 0 ? -toEnd : end
    return this.op('Slice', [name, this.shape([start]), this.shape([stop]), this.ints([axis]), this.ints([step])])
  }

  /** The same elements, those of one axis in the opposite order. */
  flip(name: string, axis: number): string {
    const [last, beyond] = [-1, -Number.MAX_SAFE_INTEGER]
    return this.op('Slice', [name, this.ints([last]), this.ints([beyond]), this.ints([axis]), this.ints([-1])])
  }

  /** Ones (or another number) of a shape. */
  filled(shape: Shape, value: number, dtype: DType = 'float32'): string {
    if (shape.length === 0) return this.scalar(value, dtype)
    return this.op('ConstantOfShape', [this.shape(shape)], {
      value: { kind: 'tensor', value: tensorOf(dtype, [1], [value]) },
    })
  }

  /**
   * Column sums of a matrix. `ones @ x` runs up to twice as fast as ReduceSum over axis 0, which ONNX Runtime does not
   * spread over threads well.
   */
  columnSums(name: string, rows: Dim): string {
    return this.op('MatMul', [this.filled([rows], 1), name])
  }

  /** What was emitted for a key in the open body or around it. */
  #recall(key: string): readonly string[] | undefined {
    for (const { known } of this.#open) {
      const names = known.get(key)
      if (names) return names
    }
    return undefined
  }

  #append(
    opType: string,
    inputs: readonly string[],
    outputs: number,
    attributes: OnnxNode['attributes'],
    domain = '',
  ): string[] {
    const stem = `${this.path ? `${this.path}/` : ''}${opType}_${this.#count++}`
    const names = Array.from({ length: outputs }, (_, i) => (outputs === 1 ? stem : `${stem}:${i}`))
    this.#open[0]!.nodes.push({ name: stem, opType, domain, inputs, outputs: names, attributes })
    return names
  }

  #initializer(tensor: Tensor): string {
    const name = `constant_${this.initializers.size}`
    this.initializers.set(name, tensor)
    return name
  }

  /** A symbolic dim as an int64 vector of one element. */
  #dimVector(value: Dim): string {
    if (typeof value === 'number') return this.ints([value])
    const direct = this.#readDim(value)
    if (direct) return direct
    const sum = dimTerms(value).map(({ coefficient, factors }) => {
      const names = factors.map((factor) => this.#factor(factor, value))
      if (coefficient !== 1 || names.length === 0) names.push(this.ints([coefficient]))
      return names.reduce((a, b) => this.op('Mul', [a, b]))
    })
    return sum.reduce((a, b) => this.op('Add', [a, b]))
  }

  #factor(name: string, whole: Dim): string {
    const parts = floorParts(name)
    if (parts) return this.op('Div', [this.#dimVector(parts.dividend), this.ints([parts.divisor])])
    const read = this.#readDim(name)
    if (!read) throw new GraphError(`no input has the dimension "${name}" (needed for "${whole}")`, { path: this.path })
    return read
  }

  #readDim(value: Dim): string | undefined {
    for (const { name, shape } of this.feeds) {
      const axis = shape.indexOf(value)
      if (axis >= 0) return this.#slice(this.op('Shape', [name]), axis)
    }
    // An input [B*12, T] also tells B.
    for (const { name, shape } of this.feeds) {
      for (let axis = 0; axis < shape.length; axis++) {
        const factor = divideDims(shape[axis]!, value)
        if (typeof factor !== 'number' || factor === 0) continue
        return this.op('Div', [this.#slice(this.op('Shape', [name]), axis), this.ints([factor])])
      }
    }
    return undefined
  }

  #slice(shapeVector: string, axis: number): string {
    return this.op('Slice', [shapeVector, this.ints([axis]), this.ints([axis + 1])])
  }
}

/** dtype and shape of an input or output of a body. */
interface Port {
  dtype: DType
  shape: Shape
}

interface Written {
  readonly nodes: OnnxNode[]
  /** Output names by op, inputs and attributes. */
  readonly known: Map<string, readonly string[]>
}

const withTensorBytes = (_key: string, value: unknown) =>
  ArrayBuffer.isView(value) ? Array.from(value as Uint8Array, String) : value

/** Elements of a shape as a float scalar, for means. */
export function countAsFloat(emit: Emitter, shape: Shape, dtype: DType): string {
  const size = sizeOf(shape)
  return typeof size === 'number' ? emit.scalar(size, dtype) : emit.cast(emit.dim(size), dtype)
}
