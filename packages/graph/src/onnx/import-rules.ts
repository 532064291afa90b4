import { type Dim, sizeOf } from '../dims.js'
import { einsum } from '../functions/einsum.js'
import * as e from '../functions/elementwise.js'
import * as l from '../functions/layers.js'
import { padEdge, padReflect } from '../functions/padding.js'
import * as r from '../functions/reductions.js'
import * as s from '../functions/shape.js'
import type { Value } from '../graph.js'
import { broadcastShapes } from '../ops/shapes.js'
import { activationRules } from './import-activation-rules.js'
import type { ImportContext, ImportRule } from './import-context.js'
import { imageRules } from './import-image-rules.js'
import { recurrentRules } from './import-recurrent-rules.js'

const unary =
  (build: (x: Value) => Value): ImportRule =>
  (c) =>
    build(c.value(0))

/** ONNX's variadic ops, two at a time. */
const binary =
  (build: (a: Value, b: Value) => Value): ImportRule =>
  (c) =>
    c.all.reduce(build)

type Reduce = (x: Value, axes?: readonly number[], keepDims?: boolean) => Value

/** Axes are an input from opset 18 on (ReduceSum: 13), an attribute before. */
const reduction =
  (build: Reduce): ImportRule =>
  (c) => {
    const axes = c.ints('axes') ?? (c.has(1) ? c.numbers(1) : undefined)
    if (axes === undefined && c.int('noop_with_empty_axes', 0) === 1) return c.value(0)
    return build(c.value(0), axes, c.int('keepdims', 1) === 1)
  }

const reshape: ImportRule = (c) => {
  const x = c.value(0)
  const copies = c.int('allowzero', 0) === 0
  return s.reshape(
    x,
    c.dims(1).map((d, i) => (d === 0 && copies ? x.shape[i]! : d)),
  )
}

/** The indices that a slice with a negative step takes. */
function descending(c: ImportContext, size: Dim, start: Dim, end: Dim, step: number): Value {
  if (typeof size !== 'number' || typeof start !== 'number' || typeof end !== 'number')
    return c.fail('a slice from end to start of unknown size')
  const first = Math.min(start < 0 ? start + size : start, size - 1)
  const past = Math.max(end < 0 ? end + size : end, -1)
  const count = Math.max(0, Math.ceil((past - first) / step))
  const indices = Array.from({ length: count }, (_, i) => first + i * step)
  return c.builder.constant(indices, { dtype: 'int64' })
}

const slice: ImportRule = (c) => {
  const x = c.value(0)
  const starts = c.dims(1)
  const ends = c.dims(2)
  const axes = c.has(3) ? c.numbers(3) : starts.map((_, i) => i)
  const steps = c.has(4) ? c.numbers(4) : starts.map(() => 1)
  return axes.reduce((value, axis, i) => {
    const size = value.shape.at(axis)!
    if (steps[i] === -1 && starts[i] === -1 && Number(ends[i]) <= -(2 ** 31 - 1)) return s.flip(value, axis)
    if (steps[i]! < 0) return s.gather(value, descending(c, size, starts[i]!, ends[i]!, steps[i]!), axis)
    const toEnd =
      typeof ends[i] === 'number' && (ends[i] >= 2 ** 31 - 1 || (typeof size === 'number' && ends[i] > size))
    return s.slice(value, { axis, start: starts[i], end: toEnd ? undefined : ends[i], step: steps[i] })
  }, x)
}

const split: ImportRule = (c) => {
  const x = c.value(0)
  const axis = c.int('axis', 0)
  if (c.has(1)) return s.split(x, c.dims(1), axis)
  const size = x.shape.at(axis)!
  const parts = c.int('num_outputs', c.node.outputs.length)
  if (typeof size !== 'number') return c.fail('an even split of a symbolic axis')
  const part = Math.ceil(size / parts)
  return s.split(
    x,
    Array.from({ length: parts }, (_, i) => (i < parts - 1 ? part : size - part * (parts - 1))),
    axis,
  )
}

const pad: ImportRule = (c) => {
  const x = c.value(0)
  const rank = x.shape.length
  const axes = c.has(3) ? c.numbers(3).map((axis) => (axis < 0 ? axis + rank : axis)) : x.shape.map((_, axis) => axis)
  const mode = c.text('mode', 'constant')
  if (mode === 'constant') {
    const [pads, value] = [c.dims(1), c.scalar(2, 0)]
    return axes.reduce<Value>((y, axis, i) => s.pad(y, axis, pads[i]!, pads[i + axes.length]!, value), x)
  }
  const border = { reflect: padReflect, edge: padEdge }[mode] ?? c.fail(`padding of the kind ${mode}`)
  const pads = c.numbers(1)
  return axes.reduce<Value>((y, axis, i) => border(y, axis, pads[i]!, pads[i + axes.length]!), x)
}

const gemm: ImportRule = (c) => {
  const [a, b] = [c.value(0), c.value(1)]
  const product = { transA: c.int('transA', 0) === 1, transB: c.int('transB', 0) === 1, alpha: c.float('alpha', 1) }
  const beta = c.float('beta', 1)
  if (!c.has(2)) return l.matMul(a, b, product)
  const bias = c.value(2)
  const isLinear = !product.transA && !product.transB && bias.shape.length === 1 && bias.shape[0] === b.shape[1]
  if (isLinear) return l.linear(a, b, bias, { alpha: product.alpha, beta })
  return e.add(l.matMul(a, b, product), beta === 1 ? bias : e.mul(bias, beta))
}

/** ONNX also lets operands be vectors. */
const matMul: ImportRule = (c) => {
  const [a, b] = [c.value(0), c.value(1)]
  const left = a.shape.length === 1 ? s.unsqueeze(a, 0) : a
  const right = b.shape.length === 1 ? s.unsqueeze(b, 1) : b
  const product = l.matMul(left, right)
  const gone = [...(a.shape.length === 1 ? [-2] : []), ...(b.shape.length === 1 ? [-1] : [])]
  return gone.length > 0 ? s.squeeze(product, gone) : product
}

const layerNormalization: ImportRule = (c) => {
  const x = c.value(0)
  const axis = c.int('axis', -1)
  if (axis !== -1 && axis !== x.shape.length - 1) c.fail('normalisation over several axes')
  const [gamma, eps] = [c.value(1), c.float('epsilon', 1e-5)]
  const beta = c.has(2) ? c.value(2) : s.fill(c.builder, gamma.shape, 0)
  const flat = s.reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1)!])
  const [y, ...statistics] = c.builder.append('layerNorm', [flat, gamma, beta], { eps })
  const row = [...x.shape.slice(0, -1), 1]
  return [s.reshape(y!, x.shape), ...statistics.map((value) => s.reshape(value, row))]
}

const clip: ImportRule = (c) => e.clip(c.value(0), c.scalar(1, -3.4e38), c.scalar(2, 3.4e38))

const range: ImportRule = (c) => {
  const [start, limit, step] = [c.dims(0)[0]!, c.dims(1)[0]!, c.dims(2)[0]!]
  if (start !== 0 || step !== 1) c.fail('a range other than 0, 1, 2, …')
  return s.range(c.builder, limit)
}

const constantOfShape: ImportRule = (c) => {
  const tensor = c.tensor('value')
  return s.fill(c.builder, c.dims(0), Number(tensor?.data[0] ?? 0), tensor?.dtype ?? 'float32')
}

const scatterElements: ImportRule = (c) => {
  const reduction = c.text('reduction', 'none')
  if (reduction !== 'add' && reduction !== 'none') c.fail(`scattering with the reduction "${reduction}"`)
  const scatter = reduction === 'add' ? s.scatterElementsAdd : s.scatterElements
  return scatter(c.value(0), c.value(1), c.value(2), c.int('axis', 0))
}

const scatterNd: ImportRule = (c) => {
  const ids = c.value(1)
  if (c.text('reduction', 'none') !== 'none' || ids.shape.length !== 2 || ids.shape[1] !== 1)
    c.fail('scattering other than of whole rows')
  return s.scatterRows(c.value(0), s.squeeze(ids, 1), c.value(2))
}

const topK: ImportRule = (c) => {
  const options = { axis: c.int('axis', -1), largest: c.int('largest', 1) === 1 }
  const { values, indices } = r.topK(c.value(0), c.dims(1)[0] as Dim, options)
  return [values, indices]
}

/** How each ONNX op is said in ours. */
export const importRules: Readonly<Record<string, ImportRule>> = {
  Add: binary(e.add),
  Sub: binary(e.sub),
  Mul: binary(e.mul),
  Div: binary(e.div),
  Pow: binary(e.pow),
  Min: binary(e.minimum),
  Max: binary(e.maximum),
  Sum: binary(e.add),
  Neg: unary(e.neg),
  Exp: unary(e.exp),
  Log: unary(e.log),
  Sqrt: unary(e.sqrt),
  Tanh: unary(e.tanh),
  Sigmoid: unary(e.sigmoid),
  Relu: unary(e.relu),
  Reciprocal: unary((x) => e.div(1, x)),
  Erf: unary(e.erf),
  Abs: unary(e.abs),
  Sign: unary(e.sign),
  Floor: unary(e.floor),
  IsNaN: unary(e.isNotANumber),
  Not: unary(e.not),
  Clip: clip,
  Equal: binary(e.equal),
  Less: binary(e.less),
  Greater: binary(e.greater),
  LessOrEqual: binary(e.lessOrEqual),
  GreaterOrEqual: binary(e.greaterOrEqual),
  And: binary(e.and),
  Or: binary(e.or),
  Where: (c) => e.where(c.value(0), c.value(1), c.value(2)),
  Cast: (c) => e.cast(c.value(0), c.dtype('to')),
  Identity: (c) => c.value(0),
  ReduceSum: reduction(r.reduceSum),
  ReduceMean: reduction(r.reduceMean),
  ReduceMax: reduction(r.reduceMax),
  ReduceSumSquare: reduction(r.reduceSumSquare),
  ReduceMin: reduction(r.reduceMin),
  ReduceProd: reduction(r.reduceProduct),
  ReduceLogSumExp: reduction(r.logSumExp),
  CumSum: (c) =>
    r.cumSum(c.value(0), c.numbers(1)[0]!, {
      exclusive: c.int('exclusive', 0) === 1,
      reverse: c.int('reverse', 0) === 1,
    }),
  ArgMax: (c) => r.argMax(c.value(0), c.int('axis', 0), c.int('keepdims', 1) === 1),
  ArgMin: (c) => r.argMin(c.value(0), c.int('axis', 0), c.int('keepdims', 1) === 1),
  TopK: topK,
  Reshape: reshape,
  Transpose: (c) => s.transpose(c.value(0), c.ints('perm') ?? c.value(0).shape.map((_, i, all) => all.length - 1 - i)),
  Concat: (c) => s.concat(c.all, c.int('axis', 0)),
  Slice: slice,
  Split: split,
  Expand: (c) => s.expand(c.value(0), broadcastShapes(c.value(0).shape, c.dims(1))),
  Squeeze: (c) =>
    s.squeeze(c.value(0), c.has(1) ? c.numbers(1) : c.value(0).shape.flatMap((d, i) => (d === 1 ? [i] : []))),
  Unsqueeze: (c) => s.unsqueeze(c.value(0), c.numbers(1)),
  Flatten: (c) => {
    const { shape } = c.value(0)
    const axis = c.int('axis', 1)
    return s.reshape(c.value(0), [sizeOf(shape.slice(0, axis)), sizeOf(shape.slice(axis))])
  },
  Pad: pad,
  Range: range,
  ConstantOfShape: constantOfShape,
  Gather: (c) => s.gather(c.value(0), c.value(1), c.int('axis', 0)),
  GatherElements: (c) => s.gatherElements(c.value(0), c.value(1), c.int('axis', 0)),
  ScatterElements: scatterElements,
  ScatterND: scatterNd,
  Gemm: gemm,
  MatMul: matMul,
  Einsum: (c) => einsum(c.text('equation', ''), ...c.all),
  Softmax: (c) => l.softmax(c.value(0), c.int('axis', -1)),
  LogSoftmax: (c) => l.logSoftmax(c.value(0), c.int('axis', -1)),
  LayerNormalization: layerNormalization,
  ...activationRules,
  ...imageRules,
  ...recurrentRules,
}
