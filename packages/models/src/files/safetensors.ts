import {
  parseSafetensorsHeader,
  SafetensorsError,
  type SafetensorsHeader,
  safetensorsHeaderLength,
} from '@volant/graph'
import { type Format, formats, readNumbers } from './formats.js'
import type { RandomAccessFile } from './random-access.js'
import type { OpenedFile, ReadableTensor } from './stored-weights.js'

const sizes = new Map(Object.entries(formats).map(([name, { bytes }]) => [name, bytes]))

/** Reads the header of a safetensors file; each tensor is read by position when it is asked for. */
export async function openSafetensors(file: RandomAccessFile): Promise<OpenedFile> {
  const { header, start } = await readHeader(file)
  if (start + header.dataBytes > file.size) throw file.cutShort(start + header.dataBytes)
  if (start + header.dataBytes < file.size)
    throw file.invalid(`holds ${file.size} bytes, its header describes ${start + header.dataBytes}`)
  const tensors = new Map<string, ReadableTensor>()
  for (const [name, { format, dims, from }] of header.tensors) {
    const how: Format = formats[format as keyof typeof formats]
    tensors.set(name, { shape: dims, format, read: () => readNumbers(file, start + from, how, dims) })
  }
  return { file, tensors }
}

async function readHeader(file: RandomAccessFile): Promise<{ header: SafetensorsHeader; start: number }> {
  try {
    const length = safetensorsHeaderLength(await file.bytes(0, Math.min(8, file.size)), file.size)
    return { header: parseSafetensorsHeader(await file.bytes(8, length), sizes), start: 8 + length }
  } catch (error) {
    if (!(error instanceof SafetensorsError)) throw error
    throw file.invalid(`is ${error.message.replace(/^N/, 'n')}`, { cause: error })
  }
}
