import { arrayFromBytes, bytesPerElement, elementCount, type Tensor } from '@volant/graph'
import { type Format, formats, readNumbers } from './formats.js'
import type { RandomAccessFile } from './random-access.js'
import type { OpenedFile, ReadableTensor } from './stored-weights.js'
import { readTorchLegacy, readTorchZip } from './torch-containers.js'
import { TorchTensor } from './torch-pickle.js'
import type { ZipEntry } from './zip.js'

/** A tensor may repeat its numbers (stride 0), yet not without end. */
const LARGEST_REPETITION = 1 << 26

/**
 * Reads the tensors of a file that torch.save wrote: its pickle is interpreted for plain data and tensors only, and whatever
 * else it asks for is refused by name. Nothing in it is executed.
 */
export async function openTorch(file: RandomAccessFile): Promise<OpenedFile> {
  const [first] = await file.bytes(0, Math.min(1, file.size))
  const { state, places } = first === 0x80 ? await readTorchLegacy(file) : await readTorchZip(file)
  if (!(state instanceof Map)) throw file.invalid('does not hold a dict of tensors')
  const tensors = new Map<string, ReadableTensor>()
  for (const [key, value] of state) {
    if (typeof key !== 'string' || !(value instanceof TorchTensor)) continue
    const { storage, shape } = value
    const place = places.get(storage.key)
    checkView(file, key, value, place)
    tensors.set(key, { shape, format: storage.format, read: () => readView(file, place!.position, value) })
  }
  if (tensors.size === 0) throw file.invalid('holds no tensors in its outermost dict')
  return { file, tensors }
}

/** The numbers of the storage from the view's first to its last, both counted. */
function spanOf({ shape, strides }: TorchTensor): number {
  return shape.includes(0) ? 0 : shape.reduce((last, size, axis) => last + (size - 1) * strides[axis]!, 1)
}

function checkView(file: RandomAccessFile, name: string, view: TorchTensor, place: ZipEntry | undefined): void {
  const { storage, offset, shape } = view
  if (!place) throw file.invalid(`has no data for tensor "${name}" (storage ${storage.key}); fetch it again`)
  const { bytes } = formats[storage.format]
  if (storage.count * bytes !== place.size)
    throw file.invalid(`has ${place.size} bytes for tensor "${name}", expected ${storage.count} of ${storage.format}`)
  if (!(offset + spanOf(view) <= storage.count))
    throw file.invalid(`has tensor "${name}" reach number ${offset + spanOf(view)} of the ${storage.count} stored`)
  if (!(elementCount(shape) <= Math.max(storage.count, LARGEST_REPETITION)))
    throw file.invalid(`has tensor "${name}" of shape [${shape}] over ${storage.count} stored numbers`)
}

async function readView(file: RandomAccessFile, start: number, view: TorchTensor): Promise<Tensor> {
  const { storage, offset, shape } = view
  const format: Format = formats[storage.format]
  const position = start + offset * format.bytes
  if (isContiguous(view)) return readNumbers(file, position, format, shape)
  return gather(await readNumbers(file, position, format, [spanOf(view)]), view)
}

function isContiguous({ shape, strides }: TorchTensor): boolean {
  let expected = 1
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== expected) return false
    expected *= shape[axis]!
  }
  return true
}

/** The numbers of a strided view in row-major order; `span` begins at its first. */
function gather(span: Tensor, { shape, strides }: TorchTensor): Tensor {
  const count = elementCount(shape)
  const data = arrayFromBytes(span.dtype, new Uint8Array(count * bytesPerElement(span.dtype)))
  // Numbers or big integers; both arrays are of the same kind.
  const [source, target] = [span.data, data] as [Float32Array, Float32Array]
  const index = shape.map(() => 0)
  for (let i = 0, from = 0; i < count; i++) {
    target[i] = source[from]!
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!
      if (++index[axis]! < shape[axis]!) break
      from -= shape[axis]! * strides[axis]!
      index[axis] = 0
    }
  }
  return { dtype: span.dtype, dims: shape, data }
}
