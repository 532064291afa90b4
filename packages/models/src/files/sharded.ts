import { readFile, stat } from 'node:fs/promises'
import path from 'node:path'
import { ModelsError } from '../errors.js'
import { RandomAccessFile, unreadable } from './random-access.js'
import { type OpenedFile, type ReadableTensor, storedWeights } from './stored-weights.js'
import type { Weights } from './weights.js'

/**
 * Opens the files that an index (`model.safetensors.index.json`, `pytorch_model.bin.index.json`) names. A shard that is
 * missing, or lacks a tensor that the index says it has, is refused by name.
 */
export async function openSharded(
  index: string,
  open: (file: RandomAccessFile) => Promise<OpenedFile>,
): Promise<Weights> {
  const weightMap = await readIndex(index)
  const shards = new Map<string, OpenedFile>()
  const files: RandomAccessFile[] = []
  try {
    for (const name of new Set(weightMap.values())) {
      const file = await openShard(index, name)
      files.push(file)
      shards.set(name, await open(file))
    }
    return storedWeights(path.dirname(index), gather(index, weightMap, shards), files)
  } catch (error) {
    await Promise.all(files.map((file) => file.close()))
    throw error
  }
}

/** The files that an index names, in order. Throws ModelsError `shard-missing`. */
export async function shardsOf(index: string): Promise<string[]> {
  const [missing] = await missingShards(index)
  if (missing !== undefined) throw shardMissing(index, missing)
  return namesOf(await readIndex(index))
}

const namesOf = (weightMap: ReadonlyMap<string, string>): string[] => [...new Set(weightMap.values())].sort()

/** The shards that an index names and that are not beside it. */
export async function missingShards(index: string): Promise<string[]> {
  const names = namesOf(await readIndex(index))
  const there = await Promise.all(
    names.map((name) => stat(path.join(path.dirname(index), name)).catch(() => undefined)),
  )
  return names.filter((_, i) => !there[i]?.isFile())
}

/** Names of tensors with the names of the files that hold them. */
async function readIndex(index: string): Promise<Map<string, string>> {
  const text = await readFile(index, 'utf8').catch((cause) => {
    throw unreadable(index, cause)
  })
  const refuse = (reason: string, cause?: unknown) =>
    new ModelsError('weights-invalid', `"${index}" is not an index of shards: ${reason}.`, { path: index }, { cause })
  let entries: [string, unknown][]
  try {
    entries = Object.entries((JSON.parse(text) as { weight_map: object }).weight_map)
  } catch (cause) {
    throw refuse('it has no "weight_map"', cause)
  }
  return new Map(
    entries.map(([name, file]) => {
      if (typeof file === 'string' && file === path.basename(file)) return [name, file]
      throw refuse(`tensor "${name}" lies in ${JSON.stringify(file)}, expected the name of a file beside it`)
    }),
  )
}

async function openShard(index: string, name: string): Promise<RandomAccessFile> {
  try {
    return await RandomAccessFile.open(path.join(path.dirname(index), name))
  } catch (error) {
    if (!(error instanceof ModelsError) || error.code !== 'weights-missing') throw error
    throw shardMissing(index, name, error)
  }
}

const shardMissing = (index: string, name: string, cause?: unknown) =>
  new ModelsError(
    'shard-missing',
    `The shard "${name}" that "${index}" names is missing; fetch the model again.`,
    { index, shard: name },
    { cause },
  )

function gather(
  index: string,
  weightMap: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, OpenedFile>,
): Map<string, ReadableTensor> {
  const tensors = new Map<string, ReadableTensor>()
  for (const [name, shard] of weightMap) {
    const tensor = shards.get(shard)!.tensors.get(name)
    if (!tensor)
      throw new ModelsError('weights-invalid', `"${index}" says that "${shard}" holds "${name}"; it does not.`)
    tensors.set(name, tensor)
  }
  return tensors
}
