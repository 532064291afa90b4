import { addDims, type Dim, divideDims, multiplyDims, printShape, type Shape, subtractDims } from '../dims.js'
import { conv, convTranspose, convWeightGradient } from '../functions/convolution.js'
import { reduceSum } from '../functions/reductions.js'
import type { Value, ValueInfo } from '../graph.js'
import type { Emitter } from '../onnx/emitter.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { weightGradient } from './convolution-weights.js'
import { requireEqualDims, requireFloat, requireRank, sameDtype } from './shapes.js'
import { type Conv, onnxWindow, reachOf, requireWindow, spatial, windowCounts } from './windows.js'

const onnxConv = (conv: Conv) => ({ ...onnxWindow(conv), group: conv.groups })

const requireBias = (bias: ValueInfo | undefined, width: Dim) => {
  if (bias && printShape(bias.shape) !== printShape([width])) throw new RuleViolation(`the bias must be [${width}]`)
}

const requireGroups = (groups: number, ...channels: Dim[]) => {
  for (const count of channels)
    if (!(groups >= 1) || divideDims(count, groups) === undefined)
      throw new RuleViolation(`${count} channels cannot be divided into ${groups} groups`)
}

/** Sums a gradient over batch and places. */
const biasGradient = (dy: Value): Value => reduceSum(dy, [0, ...spatial(dy.shape).map((_, i) => i + 2)])

/** The padding of the convolution by the turned kernel that a transposed convolution without a stride is, if it is one. */
function turnedPads(kernel: Shape, { strides, pads, dilations }: Conv): number[] | undefined {
  const axes = strides.length
  const turned = pads.map((n, i) => Number(reachOf(kernel[i % axes]!, dilations[i % axes]!)) - 1 - n)
  return strides.every((s) => s === 1) && turned.every((n) => n >= 0) ? turned : undefined
}

/** ONNX Runtime shares a Conv among threads, a ConvTranspose not. w [M, C / groups, …] -> [C, M / groups, … from the end]. */
function emitTurned(emit: Emitter, [x, w, ...bias]: readonly string[], shape: Shape, conv: Conv): string {
  const { groups } = conv
  const [M, C, ...kernel] = shape as number[]
  const places = kernel.map((_, i) => i)
  const cut = emit.reshape(w!, shape, [groups, M! / groups, C!, ...kernel])
  const exchanged = emit.op('Transpose', [cut], { perm: [0, 2, 1, ...places.map((i) => i + 3)] })
  const filters = emit.op('Reshape', [exchanged, emit.ints([groups * C!, M! / groups, ...kernel])])
  const [first, past] = [places.map(() => -1), kernel.map((k) => -k - 1)]
  const turned = emit.op('Slice', [
    filters,
    emit.ints(first),
    emit.ints(past),
    emit.ints(places.map((i) => i + 2)),
    emit.ints(first),
  ])
  return emit.op('Conv', [x!, turned, ...bias], onnxConv(conv))
}

/** A convolution is bilinear in input and weight, so each of the three ops is the gradient of the other two. */
export const convolution = {
  conv: row<Conv>({
    shape: ({ x: [x, w, b], attributes }) => {
      requireFloat(x!)
      requireWindow(x!, attributes)
      requireRank(w!, x!.shape.length, 'the weight')
      const [M, C] = w!.shape
      requireGroups(attributes.groups, x!.shape[1]!, M!)
      requireEqualDims(x!.shape[1]!, multiplyDims(C!, attributes.groups), 'the channels of input and weight')
      requireBias(b, M!)
      const dtype = sameDtype(b ? [x!, w!, b] : [x!, w!])
      return [{ dtype, shape: [x!.shape[0]!, M!, ...windowCounts(spatial(x!.shape), spatial(w!.shape), attributes)] }]
    },
    grad: ({ dy, attributes }, x, w) => [
      convTranspose(dy, w!, undefined, spatial(x!.shape), attributes),
      convWeightGradient(x!, dy, spatial(w!.shape), attributes),
      biasGradient(dy),
    ],
    lower: ({ emit, names, attributes }) => [emit.op('Conv', names, onnxConv(attributes))],
  }),

  convTranspose: row<Conv & { size: Shape }>({
    shape: ({ x: [x, w, b], attributes }) => {
      const { groups, size } = attributes
      requireFloat(x!)
      requireWindow(x!, attributes)
      requireRank(w!, x!.shape.length, 'the weight')
      requireEqualDims(x!.shape[1]!, w!.shape[0]!, 'the channels of input and weight')
      requireGroups(groups, x!.shape[1]!)
      const counts = windowCounts(size, spatial(w!.shape), attributes)
      if (printShape(counts) !== printShape(spatial(x!.shape)))
        throw new RuleViolation(`an output of ${printShape(size)} would come from ${printShape(counts)}`)
      const channels = multiplyDims(w!.shape[1]!, groups)
      requireBias(b, channels)
      return [{ dtype: sameDtype(b ? [x!, w!, b] : [x!, w!]), shape: [x!.shape[0]!, channels, ...size] }]
    },
    grad: ({ dy, attributes }, x, w) => [
      conv(dy, w!, undefined, attributes),
      convWeightGradient(dy, x!, spatial(w!.shape), attributes),
      biasGradient(dy),
    ],
    // output_padding restores the elements at the end that a stride skipped: as many as are known to be missing, or as many
    // as there may be, cut to size afterwards.
    lower: ({ emit, names, x: [x, w], attributes }) => {
      const { strides, pads, dilations, size } = attributes
      const axes = size.length
      const turned = turnedPads(spatial(w!.shape), attributes)
      if (turned) return [emitTurned(emit, names, w!.shape, { ...attributes, pads: turned })]
      const missing = size.map((n, i) => {
        const reached = addDims(
          multiplyDims(strides[i]!, addDims(x!.shape[i + 2]!, -1)),
          reachOf(w!.shape[i + 2]!, dilations[i]!),
        )
        return subtractDims(n, addDims(reached, -pads[i]!, -pads[i + axes]!))
      })
      const extra = missing.map((n, i) => (typeof n === 'number' ? n : strides[i]! - 1))
      const full = emit.op('ConvTranspose', names, { ...onnxConv(attributes), output_padding: extra })
      return [
        size.reduce<string>(
          (y, end, i) =>
            missing[i] === extra[i] || extra[i] === 0
              ? y
              : emit.slice(y, { axis: i + 2, size: `_${end}`, start: 0, end }),
          full,
        ),
      ]
    },
  }),

  convWeightGradient: row<Conv & { kernel: readonly number[] }>({
    shape: ({ x: [x, dy], attributes: { kernel, groups } }) => {
      requireEqualDims(x!.shape[0]!, dy!.shape[0]!, 'the batch dims of input and gradient')
      const C = divideDims(x!.shape[1]!, groups)
      return [{ dtype: sameDtype([x!, dy!]), shape: [dy!.shape[1]!, C!, ...kernel] }]
    },
    grad: ({ dy: g, attributes }, x, dy) => [
      convTranspose(dy!, g, undefined, spatial(x!.shape), attributes),
      conv(x!, g, undefined, attributes),
    ],
    lower: weightGradient,
  }),
} satisfies OpTable
