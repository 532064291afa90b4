import { addDims, type Dim, multiplyDims, type Shape, sizeOf } from '../dims.js'
import type { Emitter } from '../onnx/emitter.js'
import type { LowerContext } from '../rule.js'
import type { DType } from '../tensor.js'
import { type Conv, spatial } from './windows.js'

/**
 * Tap by tap: dW[:,:,j] = Σ_batch dY X_jᵀ with X_j the inputs that tap j saw; all taps in one product where channels are few;
 * by elements where each channel has its own filter. Best of 12 runs, one thread, batch 64, kernel 3×3, ms:
 *
 *     channels -> filters, size          by tap   all taps in one   batch and channels exchanged in a Conv
 *     32 -> 64, 14×14                       3.6               8.4                  15.6
 *     16 -> 16, 32×32                       4.3              16.3                  18.4
 *     1 -> 32, 28×28                        3.1              0.46                  0.85
 *     3 -> 32, 32×32                        4.6               1.6                   3.0
 *     64 in 64 groups, 16×16           27, by elements 4.7     12                    17
 */
export function weightGradient(context: Context): string[] {
  const { emit, y, attributes } = context
  const { groups, kernel } = attributes
  const [filters, C] = y[0]!.shape as [number, number]
  const taps = seenByTaps(context)
  const hasOwnFilters = groups > 1 && filters === groups && C === 1
  const lines = hasOwnFilters ? byElements(context, taps) : byProducts(context, taps)
  const size = kernel.reduce((a, b) => a * b, 1)
  // [filters, taps, C] as [filters, C, …kernel].
  const byTap = emit.op('Reshape', [lines, emit.ints([filters, size, C])])
  const byChannel = C === 1 || size === 1 ? byTap : emit.op('Transpose', [byTap], { perm: [0, 2, 1] })
  return [emit.op('Reshape', [byChannel, emit.shape(y[0]!.shape)])]
}

type Context = LowerContext<Conv & { kernel: readonly number[] }>

/** For each tap the inputs that it saw, as many as there are gradients. */
function seenByTaps({ emit, names, x: [x, dy], attributes }: Context): string[] {
  const { kernel, strides, dilations, pads } = attributes
  const sizes = spatial(x!.shape).map((n, i) => addDims(n, pads[i]!, pads[i + kernel.length]!))
  const counts = spatial(dy!.shape)
  const padded = padSpatial(emit, names[0]!, pads, x!.dtype)
  return tapsOf(kernel).map((tap) =>
    tap.reduce((value, j, i) => {
      const start = j * dilations[i]!
      const end = addDims(start, multiplyDims(strides[i]!, addDims(counts[i]!, -1)), 1)
      return emit.slice(value, { axis: i + 2, size: sizes[i]!, start, end, step: strides[i]! })
    }, padded),
  )
}

/** Σ dy x over batch and places: [filters, taps]. */
function byElements({ emit, names: [, dy], attributes: { groups, kernel } }: Context, taps: readonly string[]): string {
  const axes = emit.ints([0, ...kernel.map((_, i) => i + 2)])
  const sums = taps.map((tap) => {
    const sum = emit.op('ReduceSum', [emit.op('Mul', [tap, dy!]), axes], { keepdims: 0 })
    return emit.op('Reshape', [sum, emit.ints([groups, 1])])
  })
  return joined(emit, sums, 1)
}

/** Products in which the batch, and where there are any the groups, stay: [filters, taps, C]. */
function byProducts({ emit, names: [, dy], x, attributes: { groups } }: Context, taps: readonly string[]): string {
  const [B, channels] = x[0]!.shape as [Dim, Dim]
  const [, filters, ...counts] = x[1]!.shape as [Dim, Dim, ...Dim[]]
  const [M, C] = [Number(filters) / groups, Number(channels) / groups]
  const grouped = (size: number): Shape => [B, ...(groups === 1 ? [] : [groups]), size, sizeOf(counts)]
  const rows = emit.reshape(dy!, x[1]!.shape, grouped(M))
  const columns = taps.map((tap) => emit.reshape(tap, [B, channels, ...counts], grouped(C)))
  const perm = groups === 1 ? [0, 2, 1] : [0, 1, 3, 2]
  const summed = (seen: string): string => {
    const product = emit.op('MatMul', [rows, emit.op('Transpose', [seen], { perm })])
    return emit.op('ReduceSum', [product, emit.ints([0])], { keepdims: 0 })
  }
  if (C <= FEW) return summed(joined(emit, columns, perm.length - 2))
  return joined(
    emit,
    columns.map((seen) => emit.op('Reshape', [summed(seen), emit.ints([Number(filters), 1, C])])),
    1,
  )
}

const joined = (emit: Emitter, parts: readonly string[], axis: number) =>
  parts.length === 1 ? parts[0]! : emit.op('Concat', parts, { axis })

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
