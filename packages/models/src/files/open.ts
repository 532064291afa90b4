import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'
import { ModelsError } from '../errors.js'
import { openGguf } from './gguf.js'
import { RandomAccessFile, unreadable } from './random-access.js'
import { withRowScales } from './row-scales.js'
import { openSafetensors } from './safetensors.js'
import { openSharded } from './sharded.js'
import { type OpenedFile, storedWeights } from './stored-weights.js'
import { openTorch } from './torch.js'
import type { Weights } from './weights.js'

/** Names under which a model folder keeps its weights; the first that is there is taken. */
const weightFileNames = [
  'model.safetensors',
  'model.safetensors.index.json',
  'pytorch_model.bin',
  'pytorch_model.bin.index.json',
]

/**
 * Opens the weights of a model folder, or of one file: safetensors, PyTorch (`pytorch_model.bin`), both also sharded, and
 * GGUF. Only headers are read; a tensor is read when it is asked for. Nothing in a file is executed. Matrices of 8-bit whole numbers
 * that have a scale a row beside them are shown as float32.
 *
 * @throws ModelsError when there are none, or they are damaged, cut short, incomplete or of an unknown format
 */
export async function openWeights(source: string): Promise<Weights> {
  return withRowScales(await openStored(source))
}

async function openStored(source: string): Promise<Weights> {
  const file = await findWeights(source)
  if (file.endsWith('.index.json'))
    return openSharded(file, file.endsWith('.bin.index.json') ? openTorch : openSafetensors)
  const opened = await RandomAccessFile.open(file)
  try {
    const { tensors } = await openByContent(opened)
    return storedWeights(file, tensors, [opened])
  } catch (error) {
    await opened.close()
    throw error
  }
}

/** The weight file of a folder (or the file itself): see `weightFileNames`, else its only .gguf or .safetensors file. */
export async function findWeights(source: string): Promise<string> {
  const there = await stat(source).catch((cause) => {
    throw unreadable(source, cause)
  })
  if (!there.isDirectory()) return source
  const names = await readdir(source)
  const usual = weightFileNames.find((name) => names.includes(name))
  if (usual) return path.join(source, usual)
  const others = names.filter((name) => /\.(gguf|safetensors)$/.test(name))
  if (others.length === 1) return path.join(source, others[0]!)
  const found = others.length > 1 ? `several files (${others.join(', ')}); name one of them` : 'none of them'
  throw new ModelsError(
    'weights-missing',
    `The folder "${source}" holds ${found}: ${weightFileNames.join(', ')} or a .gguf file were expected.`,
    { path: source },
  )
}

/** The format is told by the first bytes, not by the name. */
async function openByContent(file: RandomAccessFile): Promise<OpenedFile> {
  const first = await file.bytes(0, Math.min(64, file.size))
  const text = Buffer.from(first).toString('latin1')
  if (text.startsWith('GGUF')) return openGguf(file)
  // Before what begins with 0x80: the length of a header may.
  if (text[8] === '{') return openSafetensors(file)
  if (text.startsWith('PK\x03\x04') || text[0] === '\x80') return openTorch(file)
  if (text.startsWith('version https://git-lfs'))
    throw file.invalid('is only the pointer of Git LFS, not the weights; run "git lfs pull" in its folder')
  if (file.path.endsWith('.safetensors')) return openSafetensors(file)
  throw file.invalid(
    `is not a weight file: it begins with ${JSON.stringify(text.slice(0, 8))}, expected safetensors, GGUF or PyTorch`,
  )
}
