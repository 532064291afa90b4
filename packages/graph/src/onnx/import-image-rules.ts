import { addDims, type Dim, multiplyDims } from '../dims.js'
import { conv, convTranspose } from '../functions/convolution.js'
import { batchNorm, fixedBatchNorm, instanceNorm } from '../functions/normalisation.js'
import { maxUnpool, padsOverEnd } from '../functions/pooling.js'
import { reduceMax, reduceMean } from '../functions/reductions.js'
import { reachOf, spatial, type Window } from '../ops/windows.js'
import type { ImportContext, ImportRule } from './import-context.js'

/** Strides, dilations and padding over as many axes as the kernel has. */
function windowOf(c: ImportContext, kernel: readonly Dim[]): Window {
  const axes = kernel.length
  const strides = c.ints('strides') ?? Array<number>(axes).fill(1)
  const dilations = c.ints('dilations') ?? Array<number>(axes).fill(1)
  const automatic = c.text('auto_pad', 'NOTSET')
  if (automatic === 'NOTSET' || automatic === 'VALID')
    return { strides, dilations, pads: c.ints('pads') ?? Array<number>(2 * axes).fill(0) }
  const totals = spatial(c.value(0).shape).map((size, i) => {
    if (typeof size !== 'number') return c.fail(`auto_pad ${automatic} with an axis of unknown size ${size}`)
    const places = Math.ceil(size / strides[i]!)
    return Math.max(0, (places - 1) * strides[i]! + Number(reachOf(kernel[i]!, dilations[i]!)) - size)
  })
  const few = totals.map((total) => Math.floor(total / 2))
  const many = totals.map((total) => Math.ceil(total / 2))
  return { strides, dilations, pads: automatic === 'SAME_UPPER' ? [...few, ...many] : [...many, ...few] }
}

const bias = (c: ImportContext) => (c.has(2) ? c.value(2) : undefined)

const convolution: ImportRule = (c) => {
  const w = c.value(1)
  return conv(c.value(0), w, bias(c), { ...windowOf(c, spatial(w.shape)), groups: c.int('group', 1) })
}

const transposedConvolution: ImportRule = (c) => {
  const [x, w] = [c.value(0), c.value(1)]
  if (c.text('auto_pad', 'NOTSET') !== 'NOTSET' || c.ints('output_shape'))
    c.fail('an output size given by other means than padding')
  const window = windowOf(c, spatial(w.shape))
  const axes = window.strides.length
  const extra = c.ints('output_padding') ?? []
  const size = spatial(x.shape).map((n, i) =>
    addDims(
      multiplyDims(window.strides[i]!, addDims(n, -1)),
      reachOf(w.shape[i + 2]!, window.dilations[i]!),
      (extra[i] ?? 0) - window.pads[i]! - window.pads[i + axes]!,
    ),
  )
  return convTranspose(x, w, bias(c), size, { ...window, groups: c.int('group', 1) })
}

const pool =
  (op: 'maxPool' | 'averagePool'): ImportRule =>
  (c) => {
    const kernel = c.ints('kernel_shape') ?? c.fail('a missing kernel_shape')
    const ceil = c.int('ceil_mode', 0) === 1
    if (c.int('storage_order', 0) === 1) c.fail('storage_order')
    if (ceil && op === 'averagePool') c.fail('ceil_mode of averages')
    const window = { kernel, ...windowOf(c, kernel) }
    const attributes = ceil ? { ...window, pads: padsOverEnd(op, c.value(0), window) } : window
    const counted = op === 'averagePool' ? { countPadding: c.int('count_include_pad', 0) === 1 } : {}
    return c.builder.append(op, [c.value(0)], { ...attributes, ...counted })
  }

const maxUnpooling: ImportRule = (c) => {
  const kernel = c.ints('kernel_shape') ?? c.fail('a missing kernel_shape')
  return maxUnpool(c.value(0), c.value(1), spatial(c.dims(2)), { kernel, ...windowOf(c, kernel) })
}

const batchNormalization: ImportRule = (c) => {
  const [x, gamma, beta] = [c.value(0), c.value(1), c.value(2)]
  const eps = c.float('epsilon', 1e-5)
  if (c.int('training_mode', 0) === 0) return fixedBatchNorm(x, gamma, beta, c.value(3), c.value(4), eps)
  if (c.float('momentum', 0.9) !== 0) c.fail('training with a momentum other than 0')
  const { y, mean, variance } = batchNorm(x, gamma, beta, eps)
  return [y, mean, variance]
}

const scaledDim = (c: ImportContext, size: Dim, scale: number): Dim => {
  if (typeof size === 'number') return Math.floor(size * scale)
  return Number.isInteger(scale) ? multiplyDims(size, scale) : c.fail(`an axis of unknown size scaled by ${scale}`)
}

const resizing: ImportRule = (c) => {
  const x = c.value(0)
  const [mode, places] = [c.text('mode', 'nearest'), c.text('coordinate_transformation_mode', 'half_pixel')]
  const fit = c.text('keep_aspect_ratio_policy', 'stretch')
  if (c.ints('axes') || c.int('antialias', 0) === 1 || fit !== 'stretch')
    c.fail('resizing of some axes or with averages')
  const size = c.has(3) ? spatial(c.dims(3)) : spatial(x.shape).map((n, i) => scaledDim(c, n, c.constant(2)[i + 2]!))
  const attributes = { size, mode, alignCorners: places === 'align_corners' }
  const isNearest = mode === 'nearest' && places === 'asymmetric' && c.text('nearest_mode', '') === 'floor'
  const isLinear = mode === 'linear' && (places === 'half_pixel' || places === 'align_corners')
  if (!isNearest && !isLinear) c.fail(`resizing of the kind ${mode}, ${places}`)
  return c.builder.append('resize', [x], attributes)
}

/** Over all places, which stay as axes of 1. */
const places = (c: ImportContext) => spatial(c.value(0).shape).map((_, i) => i + 2)

/** How the ops on images and sequences [batch, channels, …] are said in ours. */
export const imageRules: Readonly<Record<string, ImportRule>> = {
  Conv: convolution,
  ConvTranspose: transposedConvolution,
  MaxPool: pool('maxPool'),
  MaxUnpool: maxUnpooling,
  AveragePool: pool('averagePool'),
  GlobalAveragePool: (c) => reduceMean(c.value(0), places(c), true),
  GlobalMaxPool: (c) => reduceMax(c.value(0), places(c), true),
  Resize: resizing,
  InstanceNormalization: (c) => instanceNorm(c.value(0), c.value(1), c.value(2), c.float('epsilon', 1e-5)),
  BatchNormalization: batchNormalization,
}
