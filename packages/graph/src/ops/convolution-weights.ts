import { addDims, type Dim, multiplyDims, type Shape, sizeOf } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { LowerContext } from '../rule.js'
import type { DType } from '../tensor.js'
import type { Conv } from './convolution.js'
import { spatial } from './windows.js'

/** Tap by tap: dW[:,:,j] = Σ_batch dY X_jᵀ with X_j the inputs that tap j saw; all taps in one where channels are few. */
export function weightGradient({
  emit,
  names: [x, dy],
  x: info,
  y: [w],
  attributes,
}: LowerContext<Conv & { kernel: readonly number[] }>): string[] {
  const { groups, kernel, strides, dilations, pads } = attributes
  const { dtype, shape } = info[0]!
  const [B, channels, ...sizes] = shape as [Dim, Dim, ...Dim[]]
  const filters = info[1]!.shape[1]!
  const counts = spatial(info[1]!.shape)
  const places = sizeOf(counts)
  const [M, C] = [Number(filters) / groups, Number(channels) / groups]
  const grouped = (count: number): Shape => (groups === 1 ? [B, count, places] : [B, groups, count, places])
  const rows = emit.reshape(dy!, info[1]!.shape, grouped(M))
  const padded = padSpatial(emit, x!, pads, dtype)
  const paddedSizes = sizes.map((n, i) => addDims(n, pads[i]!, pads[i + sizes.length]!))
  const perm = groups === 1 ? [0, 2, 1] : [0, 1, 3, 2]
  const seen = tapsOf(kernel).map((tap) => {
    const sliced = tap.reduce((value, j, i) => {
      const start = j * dilations[i]!
      const reach = addDims(multiplyDims(strides[i]!, addDims(counts[i]!, -1)), 1)
      const end = addDims(start, reach)
      return emit.slice(value, { axis: i + 2, size: paddedSizes[i]!, start, end, step: strides[i]! })
    }, padded)
    return emit.reshape(sliced, [B, channels, ...counts], grouped(C))
  })
  const summed = (columns: string): string => {
    const product = emit.op('MatMul', [rows, emit.op('Transpose', [columns], { perm })])
    return emit.op('ReduceSum', [product, emit.ints([0])], { keepdims: 0 })
  }
  if (C <= FEW && seen.length > 1) {
    const all = summed(emit.op('Concat', seen, { axis: perm.length - 2 }))
    const byTap = emit.op('Reshape', [all, emit.ints([Number(filters), seen.length, C])])
    return [emit.op('Reshape', [emit.op('Transpose', [byTap], { perm: [0, 2, 1] }), emit.shape(w!.shape)])]
  }
  const flat = seen.map((tap) => emit.op('Reshape', [summed(tap), emit.ints([Number(filters), C, 1])]))
  const all = flat.length === 1 ? flat[0]! : emit.op('Concat', flat, { axis: 2 })
  return [emit.op('Reshape', [all, emit.shape(w!.shape)])]
}

/** Up to so many channels, one product for all taps together beats the copies it takes: each reads all of dY. */
const FEW = 4

/** The places of a kernel in row-major order. */
const tapsOf = (kernel: readonly number[]): number[][] =>
  kernel.reduce<number[][]>((taps, k) => taps.flatMap((tap) => Array.from({ length: k }, (_, j) => [...tap, j])), [[]])

function padSpatial(emit: Emitter, x: string, pads: readonly number[], dtype: DType): string {
  if (pads.every((n) => n === 0)) return x
  const axes = pads.length / 2
  const all = [0, 0, ...pads.slice(0, axes), 0, 0, ...pads.slice(axes)]
  return emit.op('Pad', [x, emit.ints(all), emit.scalar(0, dtype)], { mode: 'constant' })
}
