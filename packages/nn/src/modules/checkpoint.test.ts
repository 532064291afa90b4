import { crossEntropy, tensorOf } from '@volant/graph'
import { describe, expect, it } from 'vitest'

import { sgd } from '../optimisers/optimisers.js'
import { constant } from '../optimisers/schedules.js'
import { compileTraining } from '../trainer/compile.js'
import type { TrainSettings } from '../trainer/settings.js'
import { train } from '../trainer/train.js'
import { AttentionPooling } from './attention.js'
import { Embedding } from './embedding.js'
import { normal } from './initialisers.js'
import { Linear } from './linear.js'
import { TransformerEncoder } from './transformer.js'

function settings(checkpoint: boolean, norm: 'pre' | 'post'): TrainSettings {
  const model = {
    words: new Embedding(30, 8, { initialiser: normal(1) }),
    encoder: new TransformerEncoder({ width: 8, heads: 2, layers: 3, dropout: 0.3, norm, checkpoint }),
    pooling: new AttentionPooling(8),
    head: new Linear(8, 3),
  }
  return {
    model,
    inputs: {
      ids: { dtype: 'int64', shape: ['B', 'T'] },
      mask: { dtype: 'bool', shape: ['B', 'T'] },
      labels: { dtype: 'int64', shape: ['B'] },
    },
    loss: (context, { ids, mask, labels }) => {
      const encoded = model.encoder.apply(context, model.words.apply(context, ids!), mask!)
      return crossEntropy(model.head.apply(context, model.pooling.apply(context, encoded, mask!)), labels!)
    },
    data: {
      rows: 12,
      batch: (rows) => ({
        ids: tensorOf(
          'int64',
          [rows.length, 5],
          [...rows].flatMap((row) => [0, 1, 2, 3, 4].map((t) => (row * 7 + t * 5) % 30)),
        ),
        mask: tensorOf(
          'bool',
          [rows.length, 5],
          [...rows].flatMap((row) => [0, 1, 2, 3, 4].map((t) => +(t <= row % 5))),
        ),
        labels: tensorOf(
          'int64',
          [rows.length],
          [...rows].map((row) => row % 3),
        ),
      }),
    },
    batchSize: 4,
    epochs: 1,
    maxSteps: 1,
    optimiser: sgd(),
    schedule: constant(0.3),
    seed: 5,
    threads: 1,
  }
}

describe('activation checkpointing', () => {
  it.each(['pre', 'post'] as const)(
    'of transformer layers gives the same weights, dropout included (%s norm)',
    async (norm) => {
      const [kept, recomputed] = [await train(settings(false, norm)), await train(settings(true, norm))]
      expect(recomputed.history.at(-1)!.loss).toBeCloseTo(kept.history.at(-1)!.loss, 6)
      for (const [path, { data }] of kept.parameters) {
        const other = recomputed.parameters.get(path)!.data
        data.forEach((value, i) => {
          expect(Math.abs(Number(value) - Number(other[i]))).toBeLessThan(1e-6)
        })
      }
    },
  )

  it('emits the forward pass of the layers a second time', () => {
    const count = (checkpoint: boolean) =>
      compileTraining({ ...settings(checkpoint, 'post'), accumulate: false, parallel: false }).programs['step']!.model
        .length
    expect(count(true)).toBeGreaterThan(1.15 * count(false))
  })
})
