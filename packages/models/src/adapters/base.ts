import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ModelsError } from '../errors.js'

/** Weight files of a model folder, the first kind that is there. */
const kinds = [/^model.*\.safetensors$/, /^pytorch_model.*\.bin$/, /\.gguf$/]

/**
 * What tells a base from another: the sha256 of its weight file, as hubs show it; of several files, the sha256 of the list of
 * their sums and names. Takes a model folder or one weight file. Throws ModelsError `weights-missing`.
 */
export async function hashWeights(folder: string): Promise<string> {
  if ((await stat(folder)).isFile()) return hashFile(folder)
  const names = (await readdir(folder)).sort()
  const files = kinds.map((kind) => names.filter((name) => kind.test(name))).find((found) => found.length > 0)
  if (!files)
    throw new ModelsError(
      'weights-missing',
      `The folder "${folder}" holds no weights: model.safetensors, pytorch_model.bin, shards of these or a .gguf file were expected.`,
      { folder },
    )
  const sums = await Promise.all(files.map((name) => hashFile(join(folder, name))))
  if (sums.length === 1) return sums[0]!
  const list = files.map((name, i) => `${sums[i]}  ${name}\n`).join('')
  return createHash('sha256').update(list).digest('hex')
}

async function hashFile(file: string): Promise<string> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}
