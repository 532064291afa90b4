import { type Shape, sizeOf } from '../dims.js'
import { maxUnpool, shareAmongMaxima, spreadAverage } from '../functions/pooling.js'
import { gather, reshape } from '../functions/shape.js'
import type { ValueInfo } from '../graph.js'
import { type OpTable, RuleViolation, row } from '../rule.js'
import { requireDtype, requireFloat } from './shapes.js'
import { type AveragePool, type Kernel, onnxWindow, reachOf, requireWindow, spatial, windowCounts } from './windows.js'

const pooled = (x: ValueInfo, window: Kernel): ValueInfo => {
  requireFloat(x)
  requireWindow(x, window)
  const { kernel, pads, dilations } = window
  const reach = kernel.map((k, i) => reachOf(k, dilations[i]!))
  if (!pads.every((n, i) => n < Number(reach[i % kernel.length])))
    throw new RuleViolation(`padding of ${pads} leaves windows of ${kernel.join('×')} without an element`)
  return { dtype: x.dtype, shape: [...x.shape.slice(0, 2), ...windowCounts(spatial(x.shape), kernel, window)] }
}

/** Whether no element is in two windows. */
const areApart = ({ kernel, strides, dilations }: Kernel) =>
  kernel.every((k, i) => dilations[i] === 1 && k <= strides[i]!)

/** Whether the windows lie side by side and cover all of the axes. */
const areTiles = ({ kernel, strides, pads, dilations }: Kernel, size: Shape) =>
  kernel.every((k, i) => {
    const length = size[i]!
    return strides[i] === k && dilations[i] === 1 && typeof length === 'number' && length % k === 0
  }) && pads.every((n) => n === 0)

export const pooling = {
  maxPool: row<Kernel>({
    // Saved: the place of each maximum in the whole of x, flattened.
    shape: ({ x: [x], attributes }) => {
      const y = pooled(x!, attributes)
      return [y, { dtype: 'int64', shape: y.shape }]
    },
    saved: 1,
    grad: ({ dy, ys: [y, places], attributes }, x) => [
      areTiles(attributes, spatial(x!.shape))
        ? shareAmongMaxima(dy, x!, y!, attributes.kernel)
        : maxUnpool(dy, places!, spatial(x!.shape), attributes),
    ],
    lower: ({ emit, names, used, attributes }) => [
      ...emit.ops('MaxPool', names, used[1] ? 2 : 1, {
        ...onnxWindow(attributes),
        kernel_shape: attributes.kernel,
      }),
    ],
  }),
  maxUnpool: row<Kernel & { size: Shape }>({
    shape: ({ x: [dy, places], attributes: { size } }) => {
      requireDtype(places!, 'int64')
      return [{ dtype: dy!.dtype, shape: [...dy!.shape.slice(0, 2), ...size] }]
    },
    grad: ({ dy: g }, _dy, places) => [gather(reshape(g, [sizeOf(g.shape)]), places!), null],
    lower: ({ emit, names: [dy, places], x: [info], y: [y], attributes }) => {
      if (areApart(attributes)) {
        const { kernel, strides, pads } = attributes
        const inputs = [dy!, places!, emit.shape(y!.shape)]
        return [emit.op('MaxUnpool', inputs, { kernel_shape: kernel, strides, pads })]
      }
      const [count, size] = [sizeOf(info!.shape), sizeOf(y!.shape)]
      const index = emit.reshape(places!, info!.shape, [count])
      const updates = emit.reshape(dy!, info!.shape, [count])
      const zeros = emit.filled([size], 0, y!.dtype)
      const sums = emit.op('ScatterElements', [zeros, index, updates], { axis: 0, reduction: 'add' })
      return [emit.reshape(sums, [size], y!.shape)]
    },
  }),
  averagePool: row<AveragePool>({
    shape: ({ x: [x], attributes }) => {
      if (attributes.dilations.some((d) => d !== 1)) throw new RuleViolation('averages are not taken with a dilation')
      return [pooled(x!, attributes)]
    },
    grad: ({ dy, attributes }, x) => [spreadAverage(dy, spatial(x!.shape), attributes)],
    lower: ({ emit, names, attributes: { kernel, strides, pads, countPadding } }) => [
      emit.op('AveragePool', names, { kernel_shape: kernel, strides, pads, count_include_pad: +countPadding }),
    ],
  }),
} satisfies OpTable
