import type { Tensor } from '@volant/graph'
import type { EncoderDescription, PretrainedEncoder } from '../encoders/pretrained.js'
import { ModelsError } from '../errors.js'
import type { TokeniserFiles } from '../tokenisers/tokeniser.js'

export interface StudentSettings {
  /** Of `cutVocabulary`; default the teacher's own vocabulary. */
  readonly vocabulary?: { readonly files: TokeniserFiles; readonly kept: Int32Array }
  /** Layers, evenly chosen of the teacher's, the last among them; default all. */
  readonly layers?: number
}

/** An encoder that is to learn from a larger one, and its first weights by path. */
export interface Student {
  readonly description: EncoderDescription
  readonly weights: Map<string, Tensor>
}

/**
 * A smaller encoder that begins as a part of its teacher: with fewer pieces, fewer layers, or both (the first weights of
 * DistilBERT, Sanh et al. 2019, section 3). Throws ModelsError `bad-student`.
 */
export async function studentOf(teacher: PretrainedEncoder, settings: StudentSettings): Promise<Student> {
  const { description } = teacher
  const { kept, files } = settings.vocabulary ?? { kept: undefined, files: description.tokeniser }
  const all = countLayers(description)
  const layers = settings.layers ?? all
  if (!(Number.isInteger(layers) && layers >= 1 && layers <= all))
    throw new ModelsError('bad-student', `A student of ${layers} layers was asked for; its teacher has ${all}.`, {
      layers,
      teacher: all,
    })
  const config = {
    ...description.config,
    ...(kept && { vocab_size: kept.length }),
    ...(layers !== all && { [layersKey(description)]: layers }),
  }
  const taken = await teacher.weights()
  if (layers !== all && ![...taken.keys()].some((path) => layerPattern.test(path)))
    throw new ModelsError(
      'bad-student',
      `A student of ${layers} layers was asked for, but those of the architecture "${description.config['model_type']}" are not alike, so none can be left out; ask for a smaller vocabulary only, or take another teacher.`,
      { layers, teacher: all },
    )
  const isShared = ![...taken.keys()].some((path) => layerOf(path) === 1)
  const from = Array.from({ length: layers }, (_, layer) => Math.floor(((layer + 1) * all) / layers) - 1)
  const weights = new Map<string, Tensor>()
  for (const [path, tensor] of taken) {
    const layer = layerOf(path)
    const place = layer === undefined || isShared ? layer : from.indexOf(layer)
    if (place === -1) continue
    const own = path.replace(layerPattern, `$1${place}.`)
    weights.set(own, kept && path === wordsPath ? rowsOf(tensor, kept) : tensor)
  }
  return { description: { ...description, config, tokeniser: files }, weights }
}

const wordsPath = 'words.table'
const layerPattern = /^(encoder\.layers\.)(\d+)\./

function layerOf(path: string): number | undefined {
  const found = layerPattern.exec(path)
  return found ? Number(found[2]) : undefined
}

/** What config.json calls the number of layers. */
function layersKey({ config, base }: EncoderDescription): string {
  const key = ['num_hidden_layers', 'n_layers'].find((name) => name in config)
  if (key !== undefined) return key
  throw new ModelsError('bad-student', `${base.name}/config.json does not say how many layers the teacher has.`)
}

const countLayers = (description: EncoderDescription) => Number(description.config[layersKey(description)])

function rowsOf({ dims, data }: Tensor, rows: Int32Array): Tensor {
  const width = dims[1]!
  const taken = new Float32Array(rows.length * width)
  rows.forEach((row, place) => {
    taken.set((data as Float32Array).subarray(row * width, (row + 1) * width), place * width)
  })
  return { dtype: 'float32', dims: [rows.length, width], data: taken }
}
