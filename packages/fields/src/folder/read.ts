import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { VolantError } from '@volant/data'
import { type FieldTypeName, inputType } from '../registry.js'
import type { PlacedEncoder } from './assemble.js'
import { formatName, formatVersion, type ModelFile, type StoredEncoder } from './format.js'
import { restoreInterrupted, sha256 } from './write.js'

export interface ReadModel {
  readonly folder: string
  readonly file: ModelFile
  readonly onnx: Uint8Array
  readonly encoders: readonly PlacedEncoder[]
  readonly card: string
}

/** Reads a model folder. Throws `model-not-found`, `bad-model` (damaged) or `model-version` (of another version). */
export async function readFolder(folder: string): Promise<ReadModel> {
  const path = resolve(folder)
  if (!existsSync(path)) await restoreInterrupted(path)
  const file = await readModelFile(path)
  if (!isWhole(file)) throw damaged(path, 'parts of model.json are missing')
  const onnx = await readChecked(path, file, 'model.onnx')
  const encoders = await Promise.all(file.encoders.map((stored) => readEncoder(path, file, stored)))
  const card = await readFile(join(path, 'README.md'), 'utf8').catch(() => '')
  return { folder: path, file, onnx, encoders, card }
}

async function readModelFile(path: string): Promise<ModelFile> {
  const text = await readFile(join(path, 'model.json'), 'utf8').catch((error) => {
    throw new VolantError(
      'model-not-found',
      `"${path}" is no model folder: it has no readable model.json; train one with "volant train".`,
      { path },
      { cause: error },
    )
  })
  const file = parse(text) as ModelFile | undefined
  if (file?.format !== formatName) throw damaged(path, 'model.json is not one of a Volant model')
  if (file.version !== formatVersion) {
    throw new VolantError(
      'model-version',
      `The model in "${path}" is of format version ${file.version}; this program reads version ${formatVersion}: train it again, or use the program that made it.`,
      { path, found: file.version, expected: formatVersion },
    )
  }
  return file
}

async function readEncoder(path: string, file: ModelFile, stored: StoredEncoder): Promise<PlacedEncoder> {
  const settings = file.spec.inputs?.[stored.input]
  const encoder = settings && inputType(settings.type as FieldTypeName).encoders[stored.encoder]
  if (!encoder) throw damaged(path, `input "${stored.input}" has no encoder "${stored.encoder}"`)
  const state = 'json' in stored.state ? stored.state.json : await readState(path, file, stored.state.file)
  return { input: stored.input, encoder, prefix: stored.prefix, state }
}

async function readState(path: string, file: ModelFile, name: string): Promise<unknown> {
  return JSON.parse(Buffer.from(await readChecked(path, file, name)).toString('utf8'))
}

async function readChecked(path: string, file: ModelFile, name: string): Promise<Uint8Array> {
  const bytes = await readFile(join(path, name)).catch((error) => {
    throw damaged(path, `${name} cannot be read (${(error as Error).message})`)
  })
  if (sha256(bytes) !== file.files[name]) throw damaged(path, `${name} is not the file that was written`)
  return bytes
}

/** Are the parts there that reading a model needs? */
function isWhole(file: Partial<ModelFile>): boolean {
  const isObject = (value: unknown) => typeof value === 'object' && value !== null
  const { spec, outputs, encoders, signature, files, report } = file
  return (
    [spec?.inputs, spec?.outputs, outputs, signature, files, report].every(isObject) &&
    Array.isArray(encoders) &&
    Object.keys(spec!.outputs).every((name) => isObject(outputs![name]))
  )
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function damaged(path: string, what: string): VolantError {
  return new VolantError('bad-model', `The model folder "${path}" is damaged: ${what}; train it again or restore it.`, {
    path,
  })
}
