// A training run for the test of exact resume: dropout, length bucketing, accumulation, a table used by row, a checkpoint at
// every update. Prints each step it saved. Given a step to hang at, it says so after that update, before saving it, and waits.
import { writeSync } from 'node:fs'
import { crossEntropy } from '@volant/graph'
import { AttentionPooling, adamW, cosine, Embedding, Linear, TransformerEncoder, train, warmUp } from '@volant/nn'

const [file, hangAt] = process.argv.slice(2)
const model = {
  words: new Embedding(3000, 8),
  encoder: new TransformerEncoder({ width: 8, heads: 2, layers: 1, dropout: 0.3 }),
  pooling: new AttentionPooling(8),
  head: new Linear(8, 3),
}
const length = (row) => 1 + ((row * 31) % 9)

function batch(rows) {
  const time = Math.max(...[...rows].map(length))
  const ids = new BigInt64Array(rows.length * time)
  const mask = new Uint8Array(rows.length * time)
  rows.forEach((row, i) => {
    for (let t = 0; t < length(row); t++) {
      ids[i * time + t] = BigInt((row * 17 + t * t * 7) % 3000)
      mask[i * time + t] = 1
    }
  })
  const dims = [rows.length, time]
  const labels = BigInt64Array.from(rows, (row) => BigInt(row % 3))
  return {
    ids: { dtype: 'int64', dims, data: ids },
    mask: { dtype: 'bool', dims, data: mask },
    labels: { dtype: 'int64', dims: [rows.length], data: labels },
  }
}

await train({
  model,
  inputs: {
    ids: { dtype: 'int64', shape: ['B', 'T'] },
    mask: { dtype: 'bool', shape: ['B', 'T'] },
    labels: { dtype: 'int64', shape: ['B'] },
  },
  loss: (context, { ids, mask, labels }) => {
    const encoded = model.encoder.apply(context, model.words.apply(context, ids), mask)
    return crossEntropy(model.head.apply(context, model.pooling.apply(context, encoded, mask)), labels)
  },
  data: { rows: 100, length, batch },
  batchSize: 8,
  accumulate: 2,
  epochs: 3,
  optimiser: adamW(),
  schedule: warmUp(3, cosine(0.01)),
  clip: 1,
  seed: 42,
  threads: 1,
  checkpoint: { file, every: 1 },
  onEvent: (event) => {
    if (event.type === 'checkpoint') writeSync(1, `${event.step}\n`)
    if (event.type !== 'step' || event.step !== Number(hangAt)) return
    writeSync(1, 'hanging\n')
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0)
  },
})
