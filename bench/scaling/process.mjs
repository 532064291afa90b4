// One process of a data-parallel training: makes steps of the train-step network on its share of the batch, prints medians.
// node process.mjs SHARE_OF_BATCH THREADS STEPS            (under mpirun: one of several)
import {
  adamW,
  compileTraining,
  createRuntime,
  initialise,
  joinProcesses,
  meanSquaredError,
  Random,
  TransformerEncoder,
} from '@volant/nn'
import { settings, shape } from '../train-step/shape.mjs'

const [rows, threads, steps] = process.argv.slice(2).map(Number)
const group = await joinProcesses()
const { layers, width, heads, hidden, time } = shape
const { clip, learningRate, ...adam } = settings
const model = new TransformerEncoder({ layers, width, heads, hidden })
const dims = ['B', 'T', width]
const { programs, slots } = compileTraining({
  model,
  inputs: { x: { dtype: 'float32', shape: dims }, y: { dtype: 'float32', shape: dims } },
  loss: (context, { x, y }) => meanSquaredError(model.apply(context, x), y),
  optimiser: adamW(adam),
  clip,
  accumulate: true,
  parallel: group !== undefined,
})
const runtime = createRuntime({ threads })
for (const [name, program] of Object.entries(programs)) await runtime.load(name, program)
const state = Object.fromEntries(initialise(model, 1))
for (const [path, shape] of slots)
  state[path] = { dtype: 'float32', dims: shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)) }
await runtime.write(state)
const random = new Random(2 + (group?.rank ?? 0))
const data = () => ({
  dtype: 'float32',
  dims: [rows, time, width],
  data: Float32Array.from({ length: rows * time * width }, () => random.normal()),
})
const scalars = { learningRate, 'adam.scale': 0.1, 'adam.epsilon': 1e-9 }

const passes = []
const applies = []
for (let step = 0; step < steps; step++) {
  const batch = { x: data(), y: data() }
  const started = performance.now()
  await runtime.step('accumulate', batch, { lossWeight: 1 / (group?.size ?? 1) })
  const between = performance.now()
  await runtime.step('apply', {}, scalars)
  passes.push(between - started)
  applies.push(performance.now() - between)
}
const median = (times) => times.slice(2).sort((a, b) => a - b)[Math.floor((times.length - 2) / 2)]
if (!group || group.rank === 0)
  process.stdout.write(`${JSON.stringify({ pass: median(passes), apply: median(applies) })}\n`)
await runtime.release()
group?.leave()
process.exit(0)
