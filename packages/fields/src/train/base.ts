import { VolantError } from '@volant/data'
import { locateModel, ModelsError, openEncoder, ownBases, type PretrainedEncoder, Tokeniser } from '@volant/models'
import { inputType } from '../registry.js'
import type { Spec } from '../spec/schema.js'
import type { Dataset } from './dataset.js'
import type { Progress } from './events.js'

/**
 * The pretrained model of `train.base`: one of our own by its name, a folder that is there, else a model of the hub, which is
 * fetched unless the cache has it.
 * Throws VolantError.
 */
export async function openBase(
  { train: { base } }: Spec,
  { baseFolders = true, signal }: { readonly baseFolders?: boolean; readonly signal?: AbortSignal },
  progress: Progress,
): Promise<PretrainedEncoder | undefined> {
  if (base === undefined) return undefined
  try {
    progress.enter('read', `Looking for ${base}`)
    const folder = await locateModel(base, {
      paths: baseFolders,
      signal,
      onProgress: ({ bytes, total }) => progress.advance(total > 0 ? bytes / total : 0),
    })
    return await openEncoder(folder, base)
  } catch (error) {
    if (!(error instanceof ModelsError)) throw error
    throw new VolantError(error.code, `train.base: ${error.message}`, error.details, { cause: error })
  }
}

/** Texts that are looked at to tell whether a base knows their language. */
const sampled = 300
/** A base knows texts of which it divides a word into no more pieces, and so few are unknown to it. */
const most = { piecesPerWord: 2, unknown: 0.01 }

/**
 * One of our own bases for a training that names none: the first that knows the language of the texts. It competes with what is
 * trained from scratch. Undefined where a candidate is asked for by name, or no input is text.
 */
export async function offeredBase({ inputs, train }: Spec, rows: Dataset): Promise<PretrainedEncoder | undefined> {
  if (train.base !== undefined || train.encoder !== 'auto' || train.candidates) return undefined
  const texts = Object.entries(inputs)
    .filter(([, { type }]) => inputType(type).pretrained)
    .flatMap(([name]) => rows.inputs[name]!.filter((text) => text !== null).slice(0, sampled)) as string[]
  if (texts.length === 0) return undefined
  for (const [name, folder] of ownBases()) {
    const encoder = await openEncoder(folder, name)
    if (knows(new Tokeniser(encoder.description.tokeniser), texts)) return encoder
  }
  return undefined
}

function knows(tokeniser: Tokeniser, texts: readonly string[]): boolean {
  let [words, pieces, unknown] = [0, 0, 0]
  for (const text of texts) {
    const { ids } = tokeniser.encode(text, null, { special: false })
    words += text.split(/\s+/).filter((word) => word !== '').length
    pieces += ids.length
    unknown += ids.filter((id) => id === tokeniser.special.unk).length
  }
  return pieces <= most.piecesPerWord * words && unknown <= most.unknown * pieces
}
