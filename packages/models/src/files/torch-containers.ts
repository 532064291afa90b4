import { formats } from './formats.js'
import type { RandomAccessFile } from './random-access.js'
import { LARGEST_PICKLE, readTorchPickle } from './torch-pickle.js'
import { readZip, type ZipEntry } from './zip.js'

/** What torch.save was given, and where the bytes of its storages lie. */
export interface TorchFile {
  readonly state: unknown
  readonly places: ReadonlyMap<string, ZipEntry>
}

/** Reads the ZIP file that torch.save writes since PyTorch 1.6: `data.pkl`, and a file in `data/` for each storage. */
export async function readTorchZip(file: RandomAccessFile): Promise<TorchFile> {
  const entries = await readZip(file)
  const pickle = [...entries].find(([name]) => name.split('/')[1] === 'data.pkl')
  if (!pickle) throw file.invalid('is a ZIP file without data.pkl, not one that torch.save wrote')
  const [name, { position, size }] = pickle
  const folder = name.slice(0, -'data.pkl'.length)
  const order = entries.get(`${folder}byteorder`)
  if (order) {
    const text = Buffer.from(await file.bytes(order.position, Math.min(order.size, 16))).toString()
    if (text !== 'little') throw file.invalid(`holds numbers in the byte order "${text}", expected "little"`)
  }
  if (size > LARGEST_PICKLE) throw file.invalid(`has a pickle of ${size} bytes, at most ${LARGEST_PICKLE} are read`)
  const { value, storages } = readTorchPickle(file, await file.bytes(position, size))
  const places = new Map<string, ZipEntry>()
  for (const key of storages.keys()) {
    const entry = entries.get(`${folder}data/${key}`)
    if (entry) places.set(key, entry)
  }
  return { state: value, places }
}

/** The first pickle of a file of PyTorch before 1.6 (MAGIC_NUMBER in torch/serialization.py). */
const MAGIC = 0x1950a86a20f9469cfc6cn

/**
 * Reads the file that torch.save wrote before PyTorch 1.6: five pickles (magic number, version, what the machine was like,
 * the object, the keys of the storages), then each storage as the count of its numbers and their bytes.
 */
export async function readTorchLegacy(file: RandomAccessFile): Promise<TorchFile> {
  const bytes = await file.bytes(0, Math.min(file.size, LARGEST_PICKLE))
  const magic = readTorchPickle(file, bytes)
  if (magic.value !== MAGIC) throw file.invalid('is a pickle, but not one that torch.save wrote')
  const version = readTorchPickle(file, bytes, magic.end)
  const machine = readTorchPickle(file, bytes, version.end)
  if (!(machine.value instanceof Map) || machine.value.get('little_endian') !== true)
    throw file.invalid('holds numbers of another byte order than little-endian')
  const { value, end, storages } = readTorchPickle(file, bytes, machine.end)
  const keys = readTorchPickle(file, bytes, end)
  const places = new Map<string, ZipEntry>()
  let position = keys.end
  for (const key of Array.isArray(keys.value) ? keys.value : []) {
    const storage = storages.get(key)
    if (!storage) throw file.invalid('holds a storage that no tensor uses')
    const size = storage.count * formats[storage.format].bytes
    if (position + 8 + size > file.size) throw file.cutShort(position + 8 + size)
    places.set(key, { position: position + 8, size })
    position += 8 + size
  }
  return { state: value, places }
}
