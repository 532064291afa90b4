import fs from 'node:fs'
import { crossEntropy, greater } from '@volant/graph'
import { encoderNetwork, openEncoder, pool } from '@volant/models'
import { Dropout, Linear, Module } from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { training } from '../contest/training.mjs'

const { smoothing, ...settings } = JSON.parse(process.env.SETTINGS)

class Classifier extends Module {
  constructor(description, classes) {
    super()
    this.network = encoderNetwork(description)
    this.pooling = description.pooling
    this.dropout = new Dropout(0.1)
    this.head = new Linear(this.network.width, classes)
  }

  forward(context, ids, weights) {
    const mask = greater(weights, 0)
    const states = this.network.apply(context, ids, { mask })
    return this.head.apply(
      context,
      this.dropout.apply(context, pool(states, mask, { ...this.pooling, normalise: false })),
    )
  }
}

contest(async () => {
  const { classes, rows, batches } = JSON.parse(fs.readFileSync(process.env.DATA, 'utf8'))
  const base = await openEncoder(process.env.BASE)
  const step = await training({
    model: new Classifier(base.description, classes),
    inputs: {
      ids: { dtype: 'int64', shape: ['batch', 'tokens'] },
      weights: { dtype: 'float32', shape: ['batch', 'tokens'] },
      label: { dtype: 'int64', shape: ['batch'] },
    },
    loss: (context, { ids, weights, label }, model) =>
      crossEntropy(model.apply(context, ids, weights), label, { smoothing }),
    settings,
    first: new Map([...(await base.weights())].map(([path, tensor]) => [`network.${path}`, tensor])),
  })
  const own = batches[process.argv[2]]
  let next = 0
  return { given: () => own[next++ % own.length].map((row) => rows[row]), step: (some) => step(batchOf(some)) }
})

/** Rows padded to the longest of them. */
function batchOf(rows) {
  const longest = Math.max(...rows.map(({ ids }) => ids.length))
  const ids = new BigInt64Array(rows.length * longest)
  const weights = new Float32Array(ids.length)
  rows.forEach((row, place) => {
    row.ids.forEach((id, at) => {
      ids[place * longest + at] = BigInt(id)
    })
    weights.fill(1, place * longest, place * longest + row.ids.length)
  })
  const dims = [rows.length, longest]
  return {
    ids: { dtype: 'int64', dims, data: ids },
    weights: { dtype: 'float32', dims, data: weights },
    label: { dtype: 'int64', dims: [rows.length], data: BigInt64Array.from(rows, ({ label }) => BigInt(label)) },
  }
}
