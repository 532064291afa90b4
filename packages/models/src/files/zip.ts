import type { RandomAccessFile } from './random-access.js'

/** Where the bytes of a stored (not compressed) entry lie. */
export interface ZipEntry {
  readonly position: number
  readonly size: number
}

const END = 0x06054b50
const END_64_LOCATOR = 0x07064b50
const END_64 = 0x06064b50
const CENTRAL = 0x02014b50
const LOCAL = 0x04034b50
/** A central directory larger than this is no weight file's. */
const LARGEST_DIRECTORY = 1 << 28

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
const whole = (view: DataView, at: number) => Number(view.getBigUint64(at, true))

/** The entries of a ZIP file (APPNOTE 6.3.10, with ZIP64) whose entries are stored, as torch.save writes them. */
export async function readZip(file: RandomAccessFile): Promise<Map<string, ZipEntry>> {
  const { count, size, position } = await findDirectory(file)
  if (position + size > file.size || size > LARGEST_DIRECTORY)
    throw file.invalid(`has a ZIP directory of ${size} bytes at ${position}, the file holds ${file.size}`)
  const bytes = await file.bytes(position, size)
  const entries = new Map<string, ZipEntry>()
  try {
    let at = 0
    for (let i = 0; i < count; i++) {
      const { name, entry, next } = parseEntry(file, bytes, at)
      entries.set(name, await locate(file, name, entry))
      at = next
    }
  } catch (error) {
    if (error instanceof RangeError) throw file.invalid('has a damaged ZIP directory', { cause: error })
    throw error
  }
  return entries
}

/** Looks for the end record in the last bytes: it is followed by a comment of at most 65,535 bytes. */
async function findDirectory(file: RandomAccessFile): Promise<{ count: number; size: number; position: number }> {
  const length = Math.min(file.size, 22 + 0xffff + 20)
  const tail = viewOf(await file.bytes(file.size - length, length))
  let at = length - 22
  while (at >= 0 && tail.getUint32(at, true) !== END) at--
  if (at < 0) throw file.invalid('is a ZIP file without its directory (cut short?); fetch it again')
  const plain = {
    count: tail.getUint16(at + 10, true),
    size: tail.getUint32(at + 12, true),
    position: tail.getUint32(at + 16, true),
  }
  if (at < 20 || tail.getUint32(at - 20, true) !== END_64_LOCATOR) return plain
  const position = whole(tail, at - 12)
  if (position + 56 > file.size) throw file.invalid(`has a ZIP64 record at ${position}, the file holds ${file.size}`)
  const record = viewOf(await file.bytes(position, 56))
  if (record.getUint32(0, true) !== END_64) throw file.invalid('has a damaged ZIP64 record')
  return { count: whole(record, 32), size: whole(record, 40), position: whole(record, 48) }
}

function parseEntry(file: RandomAccessFile, bytes: Uint8Array, at: number) {
  const view = viewOf(bytes)
  if (view.getUint32(at, true) !== CENTRAL) throw file.invalid('has a damaged ZIP directory')
  const nameEnd = at + 46 + view.getUint16(at + 28, true)
  const next = nameEnd + view.getUint16(at + 30, true) + view.getUint16(at + 32, true)
  const name = new TextDecoder().decode(bytes.subarray(at + 46, nameEnd))
  if (view.getUint16(at + 10, true) !== 0)
    throw file.invalid(`holds "${name}" compressed, expected stored as torch.save writes it`)
  const entry = { size: view.getUint32(at + 24, true), position: view.getUint32(at + 42, true) }
  readLarge(view, nameEnd, nameEnd + view.getUint16(at + 30, true), view.getUint32(at + 20, true), entry)
  return { name, entry, next }
}

/** Sizes and offsets beyond 32 bits stand in the extra field 1, those that need it, in this order. */
function readLarge(
  view: DataView,
  from: number,
  to: number,
  compressed: number,
  entry: { size: number; position: number },
): void {
  for (let at = from; at + 4 <= to; at += 4 + view.getUint16(at + 2, true)) {
    if (view.getUint16(at, true) !== 1) continue
    let value = at + 4
    const take = () => {
      value += 8
      return whole(view, value - 8)
    }
    if (entry.size === 0xffffffff) entry.size = take()
    if (compressed === 0xffffffff) take()
    if (entry.position === 0xffffffff) entry.position = take()
  }
}

/** The bytes of an entry follow its local header, whose length only it knows. */
async function locate(file: RandomAccessFile, name: string, { size, position }: ZipEntry): Promise<ZipEntry> {
  if (position + 30 > file.size) throw file.cutShort(position + 30)
  const header = viewOf(await file.bytes(position, 30))
  if (header.getUint32(0, true) !== LOCAL) throw file.invalid(`has no ZIP entry "${name}" where its directory says`)
  const start = position + 30 + header.getUint16(26, true) + header.getUint16(28, true)
  if (start + size > file.size) throw file.cutShort(start + size)
  return { position: start, size }
}
