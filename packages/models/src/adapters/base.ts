import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { findWeights } from '../files/open.js'
import { shardsOf } from '../files/sharded.js'

/**
 * What tells a base from another: the sha256 of its weight file, as hubs show it; of several files, the sha256 of the list of
 * their sums and names. Takes a model folder or one weight file. The files are those that `openWeights` reads. Throws
 * ModelsError `weights-missing`, `shard-missing`.
 */
export async function hashWeights(folder: string): Promise<string> {
  const found = await findWeights(folder)
  const files = found.endsWith('.index.json') ? await shardsOf(found) : [basename(found)]
  const sums = await Promise.all(files.map((name) => hashFile(join(dirname(found), name))))
  if (sums.length === 1) return sums[0]!
  const list = files.map((name, i) => `${sums[i]}  ${name}\n`).join('')
  return createHash('sha256').update(list).digest('hex')
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}
