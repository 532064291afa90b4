// npm run bench:memory [-- --steps 10000]
// Resident memory over many small training steps: flat when the last half holds no more than the first. Then, in a process of its
// own, the peak of a step of a MiniLM-shaped encoder on a batch of 16 x 128. The last line is JSON.
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import {
  adamW,
  compileTraining,
  createRuntime,
  crossEntropy,
  firstState,
  MLP,
  optimiserScalars,
  Random,
} from '@volant/nn'
import { option } from '../contest/alternate.mjs'

const steps = Number(option('steps', 10_000))
const model = new MLP([32, 64, 8], { dropout: 0.1 })
const optimiser = adamW()
const compiled = compileTraining({
  model,
  inputs: { x: { dtype: 'float32', shape: ['B', 32] }, y: { dtype: 'int64', shape: ['B'] } },
  loss: (context, { x, y }) => crossEntropy(model.apply(context, x), y),
  optimiser,
  clip: 1,
})
const runtime = createRuntime({ threads: 1 })
await runtime.load('step', compiled.programs.step)
await runtime.write(firstState(model, compiled, 1))

const random = new Random(1)
const megabytes = () => Number((process.memoryUsage().rss / 2 ** 20).toFixed(1))
const started = performance.now()
const marks = []
for (let step = 1; step <= steps; step++) {
  const rows = 1 + random.integer(32) // batches of many sizes, as bucketing makes them
  const x = {
    dtype: 'float32',
    dims: [rows, 32],
    data: Float32Array.from({ length: rows * 32 }, () => random.normal()),
  }
  const y = {
    dtype: 'int64',
    dims: [rows],
    data: BigInt64Array.from({ length: rows }, () => BigInt(random.integer(8))),
  }
  const scalars = { lossWeight: 1, seed: random.uint32(), ...optimiserScalars(optimiser, step, 1e-3) }
  await runtime.step('step', { x, y }, scalars)
  if (step % (steps / 10) === 0) {
    marks.push(megabytes())
    process.stderr.write(`${step} steps: ${marks.at(-1)} MB\n`)
  }
}
await runtime.release()
const growth = Number((Math.max(...marks.slice(5)) - Math.max(...marks.slice(0, 5))).toFixed(1))
const seconds = Number(((performance.now() - started) / 1000).toFixed(1))
const child = fileURLToPath(new URL('peak.mjs', import.meta.url))
const peak = JSON.parse(execFileSync(process.execPath, ['--expose-gc', child], { encoding: 'utf8' }))
console.log(
  JSON.stringify({ steps, seconds, rss_mb: marks, growth_mb: growth, flat: growth <= 8, minilm_16x128: peak }),
)
process.exit(growth <= 8 ? 0 : 1)
