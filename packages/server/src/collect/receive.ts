import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import path from 'node:path'
import { type Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openTable, type Table, VolantError } from '@volant/data'
import { refuse } from '../errors.js'

/** Largest file taken, in bytes. */
const FILE_LIMIT = 20 * 2 ** 30

/** What is uploaded: its bytes, and a check that nothing comes after them. */
export interface Received {
  stream: Readable
  end(): Promise<void>
}

/** Streams an upload to a file in `folder`. Throws `empty-file`, `body-too-large`, `upload-broken`, `disk-full`. */
async function receiveFile(source: Readable, folder: string, name: string): Promise<string> {
  const file = path.join(folder, fileName(name))
  let bytes = 0
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      if (bytes <= FILE_LIMIT) return done(null, chunk)
      done(refuse('body-too-large', `The file is larger than ${FILE_LIMIT / 2 ** 30} GB; split it.`))
    },
  })
  try {
    await pipeline(source, limit, createWriteStream(file))
  } catch (cause) {
    if (cause instanceof VolantError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw refuse('disk-full', 'The disk of the server is full; nothing was kept of the upload.')
    throw refuse(
      'upload-broken',
      `The upload of "${name}" broke off after ${bytes} bytes (${message}); nothing was kept of it.`,
    )
  }
  if ((await stat(file)).size === 0)
    throw refuse('empty-file', `The file "${name}" is empty; send a file with a header and rows.`)
  return file
}

/** Reads a received file; what is said of it names it as the client did, not as it lies here. */
export async function readReceived(source: Received, folder: string, name: string): Promise<Table> {
  const file = await receiveFile(source.stream, folder, name)
  await source.end()
  try {
    return await openTable(file)
  } catch (error) {
    if (!(error instanceof VolantError)) throw error
    const { path: _, ...details } = error.details
    throw new VolantError(error.code, error.message.replaceAll(file, name), details, { cause: error })
  }
}

/** The last part of the name the client gave, safe as a file name; the ending is kept because it tells the format. */
function fileName(name: string): string {
  const last = name
    .split(/[/\\]/)
    .at(-1)!
    .replace(/[^\p{L}\p{N}._ -]/gu, '_')
  const safe = last.replace(/^\.+/, '').slice(-120)
  return safe === '' ? 'upload.csv' : safe
}
