import { open, rename, rm } from 'node:fs/promises'
import { endianness } from 'node:os'
import { Usage } from '../usage.js'

/** A text, its number among all from 0, and its vector. */
export interface Embedded {
  readonly id: number
  readonly text: string
  readonly vector: Float32Array
}

export const jsonLine = ({ id, text, vector }: Embedded): string =>
  JSON.stringify({ id, text, vector: Array.from(vector) })

/** Refuses a name that no format belongs to. */
export function checkVectorFile(file: string): void {
  if (!/\.(npy|jsonl)$/i.test(file)) throw new Usage(`--out ${file}: expected a name that ends in .npy or .jsonl`)
}

/** Writes vectors [rows, width] to a .npy or .jsonl file, whole or not at all. */
export async function writeVectors(
  file: string,
  shape: readonly [rows: number, width: number],
  parts: AsyncIterable<readonly Embedded[]>,
): Promise<void> {
  const unfinished = `${file}.unfinished`
  const npy = /\.npy$/i.test(file)
  const output = await open(unfinished, 'w')
  try {
    if (npy) await output.appendFile(npyHeader(shape))
    for await (const part of parts)
      if (npy) for (const { vector } of part) await output.appendFile(littleEndian(vector))
      else await output.appendFile(part.map((one) => `${jsonLine(one)}\n`).join(''))
    await output.close()
    await rename(unfinished, file)
  } catch (error) {
    await output.close()
    await rm(unfinished, { force: true })
    throw error
  }
}

/** The head of NumPy's format 1.0 for float32 in rows: magic, version, length, a dictionary, padded to 64 bytes. */
function npyHeader([rows, width]: readonly [number, number]): Buffer {
  const dictionary = `{'descr': '<f4', 'fortran_order': False, 'shape': (${rows}, ${width}), }`
  const fixed = 10
  const length = Math.ceil((fixed + dictionary.length + 1) / 64) * 64 - fixed
  const head = Buffer.from(`\x93NUMPY\x01\x00\x00\x00${dictionary.padEnd(length - 1)}\n`, 'latin1')
  head.writeUInt16LE(length, 8)
  return head
}

function littleEndian({ buffer, byteOffset, byteLength }: Float32Array): Buffer {
  const bytes = Buffer.from(buffer, byteOffset, byteLength)
  return endianness() === 'LE' ? bytes : Buffer.from(bytes).swap32()
}
