import { elementTypes } from '../onnx/emitter.js'
import type { OnnxNode } from '../onnx/model.js'
import { arrayFromBytes, bytesPerElement, type DType, elementCount, isFloat, type Tensor, tensorOf } from '../tensor.js'
import { numberOf } from './onnx-rewriter.js'

/** A node's fixed inputs; undefined where one is left out. */
type Inputs = readonly (Tensor | undefined)[]
/** Undefined when it does not cover the dtypes or attributes. */
type Evaluator = (node: OnnxNode, inputs: Inputs) => Tensor | undefined

/** Products of more multiplications are left to the runtime. */
const largestProduct = 2 ** 30

const dtypes = new Map(Object.entries(elementTypes).map(([dtype, number]) => [number as number, dtype as DType]))

const numbersOf = ({ data }: Tensor): number[] => Array.from(data as ArrayLike<number | bigint>, Number)

const intsOf = (node: OnnxNode, name: string): readonly number[] | undefined => {
  const attribute = node.attributes[name]
  return attribute?.kind === 'ints' ? attribute.value : undefined
}

const blank = (dtype: DType, dims: readonly number[]): Tensor => ({
  dtype,
  dims,
  data: arrayFromBytes(dtype, new Uint8Array(elementCount(dims) * bytesPerElement(dtype))),
})

/** Row-major strides. */
function stridesOf(dims: readonly number[]): number[] {
  const strides = dims.map(() => 1)
  for (let axis = dims.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * dims[axis + 1]!
  return strides
}

/** Element i, j, … of the result is element `offset + i·strides[0] + j·strides[1] + …` of x. */
function strided(x: Tensor, dims: readonly number[], strides: readonly number[], offset = 0): Tensor {
  const y = blank(x.dtype, dims)
  const index = dims.map(() => 0)
  let from = offset
  for (let i = 0; i < y.data.length; i++) {
    y.data[i] = x.data[from] as never
    for (let axis = dims.length - 1; axis >= 0; axis--) {
      from += strides[axis]!
      if (++index[axis]! < dims[axis]!) break
      from -= strides[axis]! * dims[axis]!
      index[axis] = 0
    }
  }
  return y
}

function broadcastDims(a: readonly number[], b: readonly number[]): number[] | undefined {
  const rank = Math.max(a.length, b.length)
  const dims = Array.from({ length: rank }, (_, i) => {
    const [m, n] = [a[i - rank + a.length] ?? 1, b[i - rank + b.length] ?? 1]
    return m === 1 ? n : n === 1 || m === n ? m : -1
  })
  return dims.includes(-1) ? undefined : dims
}

function expanded(x: Tensor, dims: readonly number[]): Tensor {
  const own = stridesOf(x.dims)
  const strides = dims.map((_, i) => {
    const axis = i - dims.length + x.dims.length
    return axis < 0 || x.dims[axis] === 1 ? 0 : own[axis]!
  })
  return strided(x, dims, strides)
}

/** Whole numbers are computed as numbers, which holds for shapes; larger ones are not folded. */
const isExact = ({ dtype, data }: Tensor) =>
  dtype !== 'int64' || (data as BigInt64Array).every((v) => v > -(2n ** 52n) && v < 2n ** 52n)

const arithmetic =
  (compute: (a: number, b: number) => number): Evaluator =>
  (_node, [a, b]) => {
    const dims = a && b && broadcastDims(a.dims, b.dims)
    if (!dims || a.dtype !== b.dtype || a.dtype === 'float16' || !isExact(a) || !isExact(b)) return undefined
    const [left, right] = [numbersOf(expanded(a, dims)), numbersOf(expanded(b, dims))]
    const whole = isFloat(a.dtype) ? (v: number) => v : Math.trunc
    const result = left.map((v, i) => whole(compute(v, right[i]!)))
    return result.every((v) => isFloat(a.dtype) || Number.isSafeInteger(v))
      ? tensorOf(a.dtype, dims, result)
      : undefined
  }

const unary =
  (compute: (x: number) => number): Evaluator =>
  (_node, [x]) =>
    x && x.dtype === 'float32' ? { ...x, data: (x.data as Float32Array).map(compute) } : undefined

const reshaped = (x: Tensor, dims: readonly number[]): Tensor | undefined =>
  elementCount(dims) === x.data.length ? { ...x, dims } : undefined

const reshape: Evaluator = (node, [x, shape]) => {
  if (!x || !shape) return undefined
  const copies = numberOf(node, 'allowzero', 0) === 0
  const dims = numbersOf(shape).map((d, i) => (d === 0 && copies ? x.dims[i]! : d))
  const open = dims.indexOf(-1)
  if (open >= 0) dims[open] = x.data.length / -elementCount(dims)
  return reshaped(x, dims)
}

const unsqueeze: Evaluator = (_node, [x, axes]) => {
  if (!x || !axes) return undefined
  const rank = x.dims.length + axes.data.length
  const added = numbersOf(axes).map((axis) => (axis < 0 ? axis + rank : axis))
  const rest = [...x.dims]
  return reshaped(
    x,
    Array.from({ length: rank }, (_, i) => (added.includes(i) ? 1 : rest.shift()!)),
  )
}

const squeeze: Evaluator = (_node, [x, axes]) => {
  if (!x) return undefined
  const gone = axes
    ? numbersOf(axes).map((axis) => (axis < 0 ? axis + x.dims.length : axis))
    : [...x.dims.keys()].filter((i) => x.dims[i] === 1)
  return reshaped(
    x,
    x.dims.filter((_, i) => !gone.includes(i)),
  )
}

const transpose: Evaluator = (node, [x]) => {
  if (!x) return undefined
  const perm = intsOf(node, 'perm') ?? [...x.dims.keys()].reverse()
  const strides = stridesOf(x.dims)
  return strided(
    x,
    perm.map((axis) => x.dims[axis]!),
    perm.map((axis) => strides[axis]!),
  )
}

const slice: Evaluator = (_node, [x, starts, ends, axes, steps]) => {
  if (!x || !starts || !ends) return undefined
  const dims = [...x.dims]
  const strides = stridesOf(x.dims)
  let offset = 0
  const step = steps ? numbersOf(steps) : numbersOf(starts).map(() => 1)
  if (step.some((s) => s < 1)) return undefined
  const along = axes ? numbersOf(axes) : [...starts.data.keys()]
  along.forEach((axis, i) => {
    const at = axis < 0 ? axis + dims.length : axis
    const size = dims[at]!
    const clamp = (v: number) => Math.min(Math.max(v < 0 ? v + size : v, 0), size)
    const [start, end] = [clamp(Number(starts.data[i])), clamp(Number(ends.data[i]))]
    offset += start * strides[at]!
    dims[at] = Math.max(0, Math.ceil((end - start) / step[i]!))
    strides[at] = strides[at]! * step[i]!
  })
  return strided(x, dims, strides, offset)
}

const concat: Evaluator = (node, inputs) => {
  const parts = inputs as readonly Tensor[]
  const axis = numberOf(node, 'axis', 0)
  const at = axis < 0 ? axis + parts[0]!.dims.length : axis
  const size = parts.reduce((sum, { dims }) => sum + dims[at]!, 0)
  const y = blank(parts[0]!.dtype, parts[0]!.dims.with(at, size))
  const inner = elementCount(y.dims.slice(at + 1))
  let offset = 0
  for (const { dims, data } of parts) {
    const run = dims[at]! * inner
    for (let outer = 0; outer * run < data.length; outer++)
      y.data.set(data.subarray(outer * run, (outer + 1) * run) as never, outer * size * inner + offset)
    offset += run
  }
  return y
}

const gather: Evaluator = (node, [x, indices]) => {
  if (!x || !indices) return undefined
  const axis = numberOf(node, 'axis', 0)
  const at = axis < 0 ? axis + x.dims.length : axis
  const [size, inner] = [x.dims[at]!, elementCount(x.dims.slice(at + 1))]
  const chosen = numbersOf(indices).map((i) => (i < 0 ? i + size : i))
  const y = blank(x.dtype, [...x.dims.slice(0, at), ...indices.dims, ...x.dims.slice(at + 1)])
  for (let outer = 0, to = 0; outer * size * inner < x.data.length; outer++)
    for (const i of chosen) {
      y.data.set(x.data.subarray((outer * size + i) * inner, (outer * size + i + 1) * inner) as never, to)
      to += inner
    }
  return y
}

const cast: Evaluator = (node, [x]) => {
  const to = dtypes.get(numberOf(node, 'to', 0))
  if (!x || !to || x.dtype === 'float16' || to === 'float16') return undefined
  const whole = isFloat(to) ? (v: number) => v : to === 'bool' ? (v: number) => +(v !== 0) : Math.trunc
  return tensorOf(to, x.dims, numbersOf(x).map(whole))
}

const constantOfShape: Evaluator = (node, [shape]) => {
  if (!shape) return undefined
  const attribute = node.attributes['value']
  const value = attribute?.kind === 'tensor' ? attribute.value : tensorOf('float32', [1], [0])
  const y = blank(value.dtype, numbersOf(shape))
  y.data.fill(value.data[0] as never)
  return y
}

const range: Evaluator = (_node, [start, limit, step]) => {
  if (!start || !limit || !step) return undefined
  const [from, to, by] = [start, limit, step].map((t) => Number(t.data[0])) as [number, number, number]
  const count = Math.max(0, Math.ceil((to - from) / by))
  return tensorOf(
    start.dtype,
    [count],
    Array.from({ length: count }, (_, i) => from + i * by),
  )
}

/** alpha · a @ b + beta · c for matrices. */
const gemm: Evaluator = (node, [a, b, c]) => {
  if (a?.dtype !== 'float32' || b?.dtype !== 'float32' || a.dims.length !== 2 || b.dims.length !== 2) return undefined
  const turn = (x: Tensor, flag: string) =>
    numberOf(node, flag, 0) === 1 ? strided(x, x.dims.toReversed(), stridesOf(x.dims).reverse()) : x
  const [left, right] = [turn(a, 'transA'), turn(b, 'transB')]
  const [M, K, N] = [left.dims[0]!, left.dims[1]!, right.dims[1]!]
  if (M * K * N > largestProduct) return undefined
  const [alpha, beta] = [numberOf(node, 'alpha', 1), numberOf(node, 'beta', 1)]
  const added = c && expanded(c, [M, N]).data
  const y = blank('float32', [M, N])
  const row = new Float64Array(N)
  for (let m = 0; m < M; m++) {
    row.fill(0)
    for (let k = 0; k < K; k++) {
      const factor = Number(left.data[m * K + k])
      for (let n = 0; n < N; n++) row[n] = row[n]! + factor * (right.data[k * N + n] as number)
    }
    for (let n = 0; n < N; n++) y.data[m * N + n] = alpha * row[n]! + (added ? beta * Number(added[m * N + n]) : 0)
  }
  return y
}

const evaluators: Readonly<Record<string, Evaluator>> = {
  Add: arithmetic((a, b) => a + b),
  Sub: arithmetic((a, b) => a - b),
  Mul: arithmetic((a, b) => a * b),
  Div: arithmetic((a, b) => a / b),
  Min: arithmetic(Math.min),
  Max: arithmetic(Math.max),
  Neg: unary((x) => -x),
  Sqrt: unary(Math.sqrt),
  Exp: unary(Math.exp),
  Log: unary(Math.log),
  Abs: unary(Math.abs),
  Reciprocal: unary((x) => 1 / x),
  Identity: (_node, [x]) => x,
  Shape: (node, [x]) => {
    const dims = x?.dims.slice(numberOf(node, 'start', 0), numberOf(node, 'end', x.dims.length))
    return dims && tensorOf('int64', [dims.length], dims)
  },
  Reshape: reshape,
  Unsqueeze: unsqueeze,
  Squeeze: squeeze,
  Transpose: transpose,
  Expand: (_node, [x, shape]) => {
    const dims = x && shape && broadcastDims(x.dims, numbersOf(shape))
    return dims && expanded(x, dims)
  },
  Slice: slice,
  Concat: concat,
  Gather: gather,
  Cast: cast,
  ConstantOfShape: constantOfShape,
  Range: range,
  Gemm: gemm,
  MatMul: gemm,
}

export const hasEvaluator = (node: OnnxNode): boolean => node.domain === '' && Object.hasOwn(evaluators, node.opType)

/** A node's result from fixed inputs, in plain JavaScript: cheap ops and products of weights. Undefined when not covered. */
export const evaluate = (node: OnnxNode, inputs: Inputs): Tensor | undefined => evaluators[node.opType]!(node, inputs)
