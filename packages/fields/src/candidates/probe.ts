import type { PretrainedEncoder } from '@volant/models'
import type { Candidate } from './candidate.js'
import { tuneByPairs } from './contrastive.js'
import { trainLinear } from './linear.js'
import { TextVectors } from './vectors.js'

/** Of the linear model over vectors of length 1. */
const head = { C: 10, loss: 'softmax' } as const

/** What a base as it is says of texts: a training asks for the same rows again and again. Freed with the base. */
const vectorsOf = new WeakMap<PretrainedEncoder, Map<string, Float32Array>>()

function knownBy(base: PretrainedEncoder): Map<string, Float32Array> {
  const known = vectorsOf.get(base) ?? new Map<string, Float32Array>()
  vectorsOf.set(base, known)
  return known
}

/** A linear model on the vectors that a pretrained encoder gives as it is. */
export const probe: Candidate = {
  name: 'probe',
  async train(task) {
    const vectors = new TextVectors('probe', task, knownBy(task.base!))
    return trainLinear('probe', task, head, { vectors, parameters: await vectors.pretrained(task) })
  },
}

/**
 * A linear model on the vectors of a pretrained encoder that was tuned before so that texts of one class are near each other: for
 * few labels (the two stages of SetFit, Tunstall et al. 2022, with in-batch negatives).
 */
export const contrastive: Candidate = {
  name: 'contrastive',
  async train(task) {
    const vectors = new TextVectors('contrastive', task)
    return trainLinear('contrastive', task, head, { vectors, parameters: await tuneByPairs(vectors, task) })
  },
}
