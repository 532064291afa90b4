import { addDims, type Dim, floorDivideDims, multiplyDims, subtractDims } from '../dims.js'
import { conv1d, conv1dInputGradient, conv1dWeightGradient } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { requireEqualDims, requireFloat, requireRank, sameDtype } from './shapes.js'

interface Conv {
  stride: number
  padding: number
  dilation: number
}

const onnxAttributes = ({ stride, padding, dilation }: Conv) => ({
  strides: [stride],
  pads: [padding, padding],
  dilations: [dilation],
})

/** T' = ⌊(T + 2p - d(k-1) - 1) / s⌋ + 1 */
const outputLength = (T: Dim, k: Dim, { stride, padding, dilation }: Conv): Dim => {
  const reach = subtractDims(addDims(T, 2 * padding), addDims(multiplyDims(dilation, addDims(k, -1)), 1))
  if (typeof reach === 'number' && reach < 0) throw new RuleViolation('the kernel is longer than the padded input')
  return addDims(floorDivideDims(reach, stride), 1)
}

/** A convolution is bilinear in input and weight, so each of the three ops is the gradient of the other two. */
export const convolution = {
  conv1d: row<Conv>({
    shape: ({ x: [x, w, b], attributes }) => {
      requireFloat(x!)
      requireRank(x!, 3, 'the input')
      requireRank(w!, 3, 'the weight')
      const [M, C, k] = w!.shape
      requireEqualDims(x!.shape[1]!, C!, 'the channels of input and weight')
      if (b && b.shape.join() !== String(M)) throw new RuleViolation(`the bias must be [${M}]`)
      const dtype = sameDtype(b ? [x!, w!, b] : [x!, w!])
      return [{ dtype, shape: [x!.shape[0]!, M!, outputLength(x!.shape[2]!, k!, attributes)] }]
    },
    grad: ({ dy, attributes }, x, w) => [
      conv1dInputGradient(dy, w!, x!.shape[2]!, attributes),
      conv1dWeightGradient(x!, dy, Number(w!.shape[2]), attributes),
      reduceSum(dy, [0, 2]),
    ],
    lower: ({ emit, names, attributes }) => [emit.op('Conv', names, onnxAttributes(attributes))],
  }),

  conv1dInputGradient: row<Conv & { length: Dim }>({
    shape: ({ x: [dy, w], attributes }) => {
      requireEqualDims(dy!.shape[1]!, w!.shape[0]!, 'the channels of gradient and weight')
      return [{ dtype: sameDtype([dy!, w!]), shape: [dy!.shape[0]!, w!.shape[1]!, attributes.length] }]
    },
    grad: ({ dy: g, attributes }, dy, w) => [
      conv1d(g, w!, undefined, attributes),
      conv1dWeightGradient(g, dy!, Number(w!.shape[2]), attributes),
    ],
    // output_padding restores the elements at the end that a stride skipped; as many as there may be, then cut to length.
    lower: ({ emit, names, attributes }) => {
      const { stride, length } = attributes
      const extra = stride - 1
      const full = emit.op('ConvTranspose', names, { ...onnxAttributes(attributes), output_padding: [extra] })
      return [extra === 0 ? full : emit.slice(full, { axis: 2, size: `_${length}`, start: 0, end: length })]
    },
  }),

  conv1dWeightGradient: row<Conv & { kernel: number }>({
    shape: ({ x: [x, dy], attributes: { kernel } }) => {
      requireEqualDims(x!.shape[0]!, dy!.shape[0]!, 'the batch dims of input and gradient')
      return [{ dtype: sameDtype([x!, dy!]), shape: [dy!.shape[1]!, x!.shape[1]!, kernel] }]
    },
    grad: ({ dy: g, attributes }, x, dy) => [
      conv1dInputGradient(dy!, g, x!.shape[2]!, attributes),
      conv1d(x!, g, undefined, attributes),
    ],
    // Tap by tap: dW[:,:,j] = Σ_batch dY X_jᵀ with X_j the inputs that tap j saw.
    lower: ({ emit, names: [x, dy], x: info, attributes: { stride, padding, dilation, kernel } }) => {
      const { dtype, shape } = info[0]!
      const size = addDims(shape[2]!, 2 * padding)
      const pads = emit.ints([0, 0, padding, 0, 0, padding])
      const padded = padding === 0 ? x! : emit.op('Pad', [x!, pads, emit.scalar(0, dtype)], { mode: 'constant' })
      const reach = addDims(multiplyDims(stride, addDims(info[1]!.shape[2]!, -1)), 1)
      const taps = Array.from({ length: kernel }, (_, j) => {
        const start = j * dilation
        const seen = emit.slice(padded, { axis: 2, size, start, end: addDims(start, reach), step: stride })
        const product = emit.op('MatMul', [dy!, emit.op('Transpose', [seen], { perm: [0, 2, 1] })])
        return emit.op('ReduceSum', [product, emit.ints([0])], { keepdims: 0 })
      })
      return [
        emit.op(
          'Concat',
          taps.map((tap) => emit.op('Unsqueeze', [tap, emit.ints([2])])),
          { axis: 2 },
        ),
      ]
    },
  }),
} satisfies OpTable
