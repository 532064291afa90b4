import { createHash, randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { VolantError } from '@volant/data'
import { type Tensor, writeSafetensors } from '@volant/graph'
import type { AdapterFiles } from '../candidates/candidate.js'
import type { PlacedEncoder } from './assemble.js'
import type { Examples, ModelFile, StoredEncoder } from './format.js'

/** What is larger than this as JSON goes to a file beside model.json. */
const largestInline = 64 * 1024

export interface FolderContent {
  readonly onnx: Uint8Array
  readonly parameters: ReadonlyMap<string, Tensor>
  /** Of the base of each text input, where such were learnt. */
  readonly adapters: readonly AdapterFiles[]
  readonly encoders: readonly PlacedEncoder[]
  readonly examples: Examples
  readonly card: string
  readonly model: Omit<ModelFile, 'encoders' | 'files'>
}

export const sha256 = (bytes: Uint8Array | string): string => createHash('sha256').update(bytes).digest('hex')

/** The id of a model, from its graph. */
export const modelId = (onnx: Uint8Array): string => sha256(onnx).slice(0, 16)

/**
 * Writes a model folder: all files under a temporary name beside it, then one rename. A model folder that is there is
 * replaced; any other folder is refused. On failure or abort nothing is left behind.
 */
export async function writeFolder(out: string, content: FolderContent, signal?: AbortSignal): Promise<void> {
  const target = resolve(out)
  await checkTarget(target)
  const temporary = temporaryFor(target)
  try {
    await makeFolder(temporary)
    for (const [name, bytes] of filesOf(content)) {
      signal?.throwIfAborted()
      await makeFolder(dirname(join(temporary, name)))
      await writeFile(join(temporary, name), bytes)
    }
    signal?.throwIfAborted()
    await replace(temporary, target)
  } catch (error) {
    await rm(temporary, { recursive: true, force: true })
    throw writeFailure(error, target)
  }
}

/** Refuses, before any work is done, a target that is no model folder, a file, or cannot be made. */
export async function checkTarget(out: string): Promise<void> {
  const target = resolve(out)
  if (!(await stat(target).catch(() => null))) await restoreInterrupted(target)
  const found = await stat(target).catch(() => null)
  if (!found) {
    // Tried with the longest name that will be needed.
    const trial = temporaryFor(target) + asideSuffix
    try {
      await makeFolder(dirname(target))
      await mkdir(trial)
      await rmdir(trial)
    } catch (error) {
      throw writeFailure(error, target)
    }
    return
  }
  if (!found.isDirectory()) throw occupied(target, 'a file')
  const model = await readFile(join(target, 'model.json'), 'utf8').catch(() => null)
  if (model !== null) return
  if ((await readdir(target)).length > 0) throw occupied(target, 'a folder that holds no model')
}

const temporaryFor = (target: string) =>
  join(dirname(target), `.${basename(target)}.${randomBytes(6).toString('hex')}.tmp`)

/** As mkdir with `recursive`, which never ends where a file system answers that a folder it has is not there (/proc). */
async function makeFolder(path: string): Promise<void> {
  if ((await stat(path).catch(() => null))?.isDirectory()) return
  if (dirname(path) !== path) await makeFolder(dirname(path))
  await mkdir(path).catch(async (error) => {
    // Another process may have been faster.
    if (!(await stat(path).catch(() => null))?.isDirectory()) throw error
  })
}

function occupied(target: string, found: string): VolantError {
  return new VolantError(
    'out-occupied',
    `"${target}" is ${found}; name a new folder, or one of a model to be replaced, with --out.`,
    { path: target },
  )
}

function filesOf({
  onnx,
  parameters,
  adapters,
  encoders,
  examples,
  card,
  model,
}: FolderContent): Map<string, Uint8Array | string> {
  const files = new Map<string, Uint8Array | string>([
    ['model.onnx', onnx],
    ['weights.safetensors', writeSafetensors(new Map(parameters), { model: model.id })],
    ['examples.json', `${JSON.stringify(examples)}\n`],
    ['README.md', card],
  ])
  const stored = encoders.map(({ input, encoder, prefix, state }, place): StoredEncoder => {
    const json = JSON.stringify(state)
    if (json.length <= largestInline) return { input, encoder: encoder.name, prefix, state: { json: state } }
    const file = `encoder-${place}.json`
    files.set(file, json)
    return { input, encoder: encoder.name, prefix, state: { file } }
  })
  for (const [place, own] of adapters.entries())
    for (const [name, bytes] of own) files.set(`adapter${place === 0 ? '' : place + 1}/${name}`, bytes)
  const sums = Object.fromEntries([...files].map(([name, bytes]) => [name, sha256(bytes)]))
  const document: ModelFile = { ...model, encoders: stored, files: sums }
  files.set('model.json', `${JSON.stringify(document, null, 2)}\n`)
  return files
}

/**
 * Puts a model folder back that a killed program left aside while replacing it. Called where the folder is missed.
 */
export async function restoreInterrupted(target: string): Promise<void> {
  const names = await readdir(dirname(target)).catch(() => [])
  const aside = names.find((name) => name.startsWith(`.${basename(target)}.`) && name.endsWith(asideSuffix))
  if (aside !== undefined) await rename(join(dirname(target), aside), target)
}

const asideSuffix = '.tmp.old'

/** A folder cannot be renamed onto one with files in it: the old one steps aside first and is put back if need be. */
async function replace(temporary: string, target: string): Promise<void> {
  const aside = `${temporary}.old`
  const replaced = await rename(target, aside).then(
    () => true,
    () => false,
  )
  try {
    await rename(temporary, target)
  } catch (error) {
    if (replaced) await rename(aside, target)
    throw error
  }
  if (replaced) await rm(aside, { recursive: true, force: true })
}

function writeFailure(error: unknown, target: string): unknown {
  const code = (error as NodeJS.ErrnoException).code
  if (code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG') {
    return new VolantError(
      'disk-full',
      `The disk is full: the model "${target}" could not be written and nothing was kept of it; free some space and repeat.`,
      { path: target },
      { cause: error },
    )
  }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') {
    return new VolantError(
      'no-permission',
      `No permission to write "${target}"; choose another folder with --out.`,
      { path: target },
      { cause: error },
    )
  }
  if (code === 'EEXIST' || code === 'ENOTDIR' || code === 'ENOENT' || code === 'ENAMETOOLONG' || code === 'ELOOP') {
    const reason = code === 'ENAMETOOLONG' ? 'its name is too long' : 'a part of its path is no folder'
    return new VolantError(
      'bad-out',
      `The folder "${target}" cannot be made: ${reason}; choose another with --out.`,
      { path: target },
      { cause: error },
    )
  }
  return error
}
