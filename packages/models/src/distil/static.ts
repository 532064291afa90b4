import type { SessionOptions } from '@volant/nn'
import { EigenvalueDecomposition, Matrix } from 'ml-matrix'
import { longestStatic as longest, staticPooling, withoutTemplate } from '../architectures/static.js'
import { TextEmbedder } from '../encoders/embedder.js'
import type { PretrainedEncoder } from '../encoders/pretrained.js'
import { ModelsError } from '../errors.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import type { Student } from './student.js'
import { cutVocabulary, PieceCounts } from './vocabulary.js'

export interface StaticSettings extends Pick<SessionOptions, 'threads'> {
  readonly teacher: PretrainedEncoder
  /** What tells how frequent a token is; frequent ones weigh less. Without texts the order of the vocabulary tells it. */
  readonly texts?: readonly string[]
  /** Numbers of a vector, at most the teacher's; default 256. */
  readonly width?: number
  /** Pieces of the vocabulary, default the teacher's. */
  readonly vocabulary?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (fraction: number) => void
}

/** Of a / (a + p), the weight of a token of probability p (Arora et al. 2017, SIF). */
const smoothing = 1e-3
/** Tokens that pass through the teacher at once. */
const atOnce = 4096
/**
 * Distils an encoder into a table of token vectors (Tulkens and van Dongen 2024, Model2Vec): each token passes through the teacher
 * alone, the vectors are projected on their main directions (PCA), and frequent tokens weigh less. A text is the mean of its
 * tokens, so no network runs any more. Throws ModelsError `bad-width`, those of `cutVocabulary`, the reason of `signal`.
 */
export async function distilStatic(settings: StaticSettings): Promise<Student> {
  const { teacher, texts = [], width = 256, threads, signal, onProgress } = settings
  const embedder = await TextEmbedder.open(teacher, { threads })
  try {
    if (!(Number.isInteger(width) && width >= 1 && width <= embedder.width))
      throw new ModelsError(
        'bad-width',
        `Static vectors of ${width} numbers were asked for; the teacher's have ${embedder.width}, ask for at most as many.`,
        { width, most: embedder.width },
      )
    const { tokeniser, counts } = vocabularyOf(teacher, texts, settings.vocabulary)
    const specials = new Set(tokeniser.files.tokenizer.added_tokens.map(({ id }) => id))
    const ids = [...tokeniser.tokens.keys()].filter((id) => tokeniser.tokens[id] !== undefined && !specials.has(id))
    const vectors: Float32Array[] = []
    for (let from = 0; from < ids.length; from += atOnce) {
      const some = ids
        .slice(from, from + atOnce)
        .map((id) => embedder.tokeniser.around([teacherId(embedder, tokeniser, id)]))
      vectors.push(...(await embedder.embedTokens(some, { signal, normalise: false })))
      onProgress?.(vectors.length / ids.length)
    }
    const table = new Float32Array(tokeniser.vocabularySize * width)
    const projected = project(vectors, width)
    const weights = frequencyWeights(ids, counts)
    ids.forEach((id, place) => {
      for (let at = 0; at < width; at++) table[id * width + at] = projected.get(place, at) * weights[place]!
    })
    return {
      description: {
        base: teacher.description.base,
        config: {
          model_type: 'model2vec',
          architectures: ['StaticModel'],
          vocab_size: tokeniser.vocabularySize,
          hidden_dim: width,
          normalize: true,
        },
        tokeniser: withoutTemplate(tokeniser.files),
        pooling: staticPooling,
        longest,
      },
      weights: new Map([['words.table', { dtype: 'float32', dims: [tokeniser.vocabularySize, width], data: table }]]),
    }
  } finally {
    await embedder.release()
  }
}

function vocabularyOf(teacher: PretrainedEncoder, texts: readonly string[], size: number | undefined) {
  const own = new Tokeniser(teacher.description.tokeniser)
  const counted = new PieceCounts(own)
  for (const text of texts) counted.add(text)
  if (size === undefined) return { tokeniser: own, counts: counted.counts }
  const { files, kept } = cutVocabulary(own, counted.counts, size)
  return { tokeniser: new Tokeniser(files), counts: Float64Array.from(kept, (id) => counted.counts[id]!) }
}

const teacherId = (embedder: TextEmbedder, tokeniser: Tokeniser, id: number): number =>
  embedder.tokeniser.idOf(tokeniser.tokenOf(id))!

/** Rows less their mean, in the directions in which they vary most: [rows, width]. */
function project(rows: readonly Float32Array[], width: number): Matrix {
  const matrix = new Matrix(rows.map((row) => Array.from(row)))
  matrix.subRowVector(matrix.mean('column'))
  const { realEigenvalues, eigenvectorMatrix } = new EigenvalueDecomposition(matrix.transpose().mmul(matrix), {
    assumeSymmetric: true,
  })
  const main = [...realEigenvalues.keys()].sort((a, b) => realEigenvalues[b]! - realEigenvalues[a]!).slice(0, width)
  return matrix.mmul(eigenvectorMatrix.subMatrixColumn(main))
}

/** By how often tokens occur; where none was counted, by Zipf's law of their place in the vocabulary. */
function frequencyWeights(ids: readonly number[], counts: Float64Array): number[] {
  const isCounted = ids.some((id) => counts[id]! > 0)
  const frequencies = ids.map((id, place) => (isCounted ? counts[id]! : 1 / (place + 1)))
  const sum = frequencies.reduce((total, one) => total + one, 0)
  return frequencies.map((one) => smoothing / (smoothing + one / sum))
}
