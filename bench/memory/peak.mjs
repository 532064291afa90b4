// Started by memory.mjs: a few training steps of a MiniLM-shaped encoder on batches of 16 x 128; says how much memory they took.
import { adamW, compileTraining, createRuntime, initialise, meanSquaredError, TransformerEncoder } from '@volant/nn'

const [layers, width, heads, hidden, batch, time] = [6, 384, 12, 1536, 16, 128]
const model = new TransformerEncoder({ layers, width, heads, hidden })
const { programs, slots } = compileTraining({
  model,
  inputs: { x: { dtype: 'float32', shape: ['B', 'T', width] }, y: { dtype: 'float32', shape: ['B', 'T', width] } },
  loss: (context, { x, y }) => meanSquaredError(model.apply(context, x), y),
  optimiser: adamW(),
  clip: 1,
})
const runtime = createRuntime({ threads: 2 })
await runtime.load('step', programs.step)
let state = Object.fromEntries(initialise(model, 1))
for (const [path, dims] of slots)
  state[path] = { dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b)) }
const bytes = Object.values(state).reduce((sum, { data }) => sum + data.byteLength, 0)
await runtime.write(state)
state = undefined // the runtime has its own
globalThis.gc?.()
const megabytes = (n) => Number((n / 2 ** 20).toFixed(1))
const before = process.memoryUsage().rss
const data = () => ({
  dtype: 'float32',
  dims: [batch, time, width],
  data: new Float32Array(batch * time * width).fill(0.5),
})
const scalars = { lossWeight: 1, learningRate: 1e-4, 'adam.scale': 0.3, 'adam.epsilon': 1e-9 }
for (let step = 0; step < 3; step++) await runtime.step('step', { x: data(), y: data() }, scalars)
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
