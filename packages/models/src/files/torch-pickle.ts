import type { formats } from './formats.js'
import { Global, PickleError, type PickleWorld, readPickle } from './pickle.js'
import type { RandomAccessFile } from './random-access.js'

/** The classes of torch's storages and our names of their formats. */
const storages: Record<string, keyof typeof formats> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
}

const ORDERED = 'collections.OrderedDict'
const TENSOR = 'torch._utils._rebuild_tensor_v2'
const PARAMETER = 'torch._utils._rebuild_parameter'
const SIZE = 'torch.Size'
const globals = new Set([...Object.keys(storages), ORDERED, TENSOR, PARAMETER, SIZE])

/** The pickle of the largest models is about 1 MB; it says where tensors lie, their numbers are elsewhere. */
export const LARGEST_PICKLE = 1 << 24
/** Pairs that dicts are made of from lists: a short pickle could ask for the same list again and again. */
const MOST_PAIRS = 1 << 20

/** Numbers that several tensors may share. */
export class Storage {
  constructor(
    readonly key: string,
    readonly format: keyof typeof formats,
    readonly count: number,
  ) {}
}

/** A view into a storage, strides and offset counted in numbers. */
export class TorchTensor {
  constructor(
    readonly storage: Storage,
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
  ) {}
}

/** Reads a pickle of torch.save from `from` on: plain data and tensors only; what else it asks for is refused by name. */
export function readTorchPickle(
  file: RandomAccessFile,
  bytes: Uint8Array,
  from = 0,
): { value: unknown; end: number; storages: ReadonlyMap<string, Storage> } {
  const world = new TorchWorld()
  try {
    return { ...readPickle(bytes, world, from), storages: world.storages }
  } catch (error) {
    if (error instanceof PickleError) throw file.invalid(error.message, { cause: error })
    throw error
  }
}

class TorchWorld implements PickleWorld {
  readonly globals = globals
  readonly storages = new Map<string, Storage>()
  private pairs = 0

  call(name: string, parameters: readonly unknown[]): unknown {
    if (name === ORDERED) return this.orderedDict(parameters[0] ?? [])
    if (name === TENSOR) return tensorOf(parameters)
    if (name === PARAMETER && parameters[0] instanceof TorchTensor) return parameters[0]
    if (name === SIZE && Array.isArray(parameters[0])) return parameters[0]
    throw new PickleError(`calls ${name} in a way that is not known`)
  }

  /** Python 2 wrote an OrderedDict with its pairs as a list. */
  private orderedDict(pairs: unknown): Map<unknown, unknown> {
    this.pairs += Array.isArray(pairs) ? pairs.length : Number.POSITIVE_INFINITY
    if (this.pairs > MOST_PAIRS) throw new PickleError('makes an OrderedDict of too many pairs, or of something else')
    return new Map(
      (pairs as unknown[]).map((pair) => {
        if (Array.isArray(pair) && pair.length === 2) return pair as [unknown, unknown]
        throw new PickleError('makes an OrderedDict of something that is not pairs')
      }),
    )
  }

  persistent(id: unknown): Storage {
    if (!Array.isArray(id) || id[0] !== 'storage' || !(id[1] instanceof Global))
      throw new PickleError('refers to something outside that is not a storage of numbers')
    const [, { name }, key, , count, part] = id
    const format = storages[name]
    if (!format || typeof key !== 'string' || !isSize(count))
      throw new PickleError(`has a storage of ${JSON.stringify(name)}, expected one of ${Object.keys(storages)}`)
    // Before PyTorch 0.4 a storage could be a part of another.
    if (part !== undefined && part !== null) throw new PickleError('has a storage that is a part of another one')
    const storage = new Storage(key, format, count)
    this.storages.set(key, storage)
    return storage
  }
}

const isSize = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const areSizes = (values: unknown): values is number[] =>
  Array.isArray(values) && values.length <= 64 && values.every(isSize)

function tensorOf([storage, offset, shape, strides]: readonly unknown[]): TorchTensor {
  const known = storage instanceof Storage && isSize(offset) && areSizes(shape) && areSizes(strides)
  if (known && shape.length === strides.length) return new TorchTensor(storage, offset, shape, strides)
  throw new PickleError('holds a tensor whose storage, offset, shape or strides are not numbers as expected')
}
