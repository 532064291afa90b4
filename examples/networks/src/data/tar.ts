import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

const BLOCK = 512

/** The files of a .tar.gz by name (POSIX ustar: a header of 512 bytes, then the data, padded to whole blocks). */
export function readTar(file: string): Map<string, Uint8Array> {
  const raw = gunzipSync(readFileSync(file))
  const text = (from: number, length: number) => raw.toString('utf8', from, from + length).replace(/\0.*$/s, '')
  const files = new Map<string, Uint8Array>()
  for (let at = 0; at + BLOCK <= raw.length && raw[at] !== 0; ) {
    const size = Number.parseInt(text(at + 124, 12), 8)
    const [type, prefix] = [text(at + 156, 1), text(at + 345, 155)]
    const name = prefix ? `${prefix}/${text(at, 100)}` : text(at, 100)
    if (!(size >= 0)) throw new Error(`${file}: the entry "${name}" has no size; is this a tar file?`)
    if (type === '' || type === '0') files.set(name, raw.subarray(at + BLOCK, at + BLOCK + size))
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK
  }
  return files
}
