// Run under mpirun: trains a small model and writes its first step, losses and weights to REPORTS/<rank>.json.
// node parallel-child.mjs [CHECKPOINT [KILL_RANK_1_AFTER_STEP]]; with DIFFER=1 rank 1 has other settings, with NORM=1 the model
// normalises its batches and makes one update.
import { writeFileSync } from 'node:fs'
import { reduceMean } from '@volant/graph'
import {
  adamW,
  BatchNorm,
  constant,
  crossEntropy,
  Embedding,
  joinProcesses,
  MLP,
  Random,
  train,
} from '../dist/index.js'

const [file, dieAfter] = process.argv.slice(2)
const group = await joinProcesses()
const random = new Random(3)
const rows = 101
const words = BigInt64Array.from({ length: rows * 5 }, () => BigInt(random.integer(50)))
const classes = BigInt64Array.from({ length: rows }, (_, row) => words[row * 5] % 3n)
const model = {
  table: new Embedding(50, 8),
  mlp: new MLP([8, 16, 3], { dropout: 0.2 }),
  norm: process.env.NORM && new BatchNorm(8),
}
const features = (context, ids) => {
  const means = reduceMean(model.table.apply(context, ids), 1)
  return model.norm ? model.norm.apply(context, means) : means
}
const seen = []

try {
  let first
  const { history, parameters } = await train({
    model,
    inputs: { ids: { dtype: 'int64', shape: ['B', 5] }, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { ids, y }) => crossEntropy(model.mlp.apply(context, features(context, ids)), y),
    data: {
      rows,
      batch(chosen) {
        seen.push(...chosen)
        const ids = new BigInt64Array(chosen.length * 5)
        chosen.forEach((row, place) => {
          ids.set(words.subarray(row * 5, row * 5 + 5), place * 5)
        })
        return {
          ids: { dtype: 'int64', dims: [chosen.length, 5], data: ids },
          y: { dtype: 'int64', dims: [chosen.length], data: BigInt64Array.from(chosen, (row) => classes[row]) },
        }
      },
    },
    batchSize: 20,
    epochs: 6,
    maxSteps: model.norm && 1,
    optimiser: adamW(),
    clip: 1,
    schedule: constant(process.env.DIFFER && group?.rank === 1 ? 0.02 : 0.01),
    seed: 1,
    threads: 1,
    parallel: group,
    checkpoint: file ? { file, every: 5 } : undefined,
    onEvent(event) {
      if (event.type === 'start') first = event.step
      if (event.type === 'step' && event.step === Number(dieAfter) && group?.rank === 1)
        process.kill(process.pid, 'SIGKILL')
    },
  })
  const weights = Object.fromEntries([...parameters].map(([path, { data }]) => [path, [...data]]))
  const report = { rank: group?.rank ?? 0, seen, first, losses: history.map(({ loss }) => loss), weights }
  writeFileSync(`${process.env.REPORTS}/${report.rank}.json`, JSON.stringify(report))
  group?.leave()
} catch (error) {
  process.stderr.write(`${error.message}\n`)
  if (!group) throw error
  group.abort(1)
}
process.exit(0)
