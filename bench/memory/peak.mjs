// Started by memory.mjs: a few training steps of a MiniLM-shaped encoder on batches of 16 x 128; says how much memory they took.
import { adamW, compileTraining, createRuntime, firstState, optimiserScalars } from '@volant/nn'
import { encoderTraining, shape } from '../contest/encoder.mjs'

const [batch, time] = [16, 128]
const training = encoderTraining()
const optimiser = adamW()
const compiled = compileTraining({ ...training, optimiser, clip: 1 })
const runtime = createRuntime({ threads: 2 })
await runtime.load('step', compiled.programs.step)
let state = firstState(training.model, compiled, 1)
const bytes = Object.values(state).reduce((sum, { data }) => sum + data.byteLength, 0)
await runtime.write(state)
state = undefined // the runtime has its own
globalThis.gc?.()
const megabytes = (n) => Number((n / 2 ** 20).toFixed(1))
const before = process.memoryUsage().rss
const data = () => ({
  dtype: 'float32',
  dims: [batch, time, shape.width],
  data: new Float32Array(batch * time * shape.width).fill(0.5),
})
for (let step = 1; step <= 3; step++) {
  const scalars = { lossWeight: 1, ...optimiserScalars(optimiser, step, 1e-4) }
  await runtime.step('step', { x: data(), y: data() }, scalars)
}
const peak = process.resourceUsage().maxRSS * 1024
console.log(
  JSON.stringify({
    peak_mb: megabytes(peak),
    weights_and_state_mb: megabytes(bytes),
    before_mb: megabytes(before),
    beside_mb: megabytes(peak - bytes),
  }),
)
process.exit(0)
