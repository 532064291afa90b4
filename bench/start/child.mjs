// Started by start.mjs: imports the engine and makes one training step of a 10 M-parameter model; says what each part took.
const marks = [['process', performance.now()]]
const mark = (name) => marks.push([name, performance.now()])

const { adamW, compileTraining, createRuntime, initialise, meanSquaredError, parameterCount, TransformerEncoder } =
  await import('@volant/nn')
mark('import')
const [layers, width, heads, hidden, batch, time] = [6, 384, 12, 1536, 1, 16]
const model = new TransformerEncoder({ layers, width, heads, hidden })
const runtime = createRuntime({ threads: Number(process.env.THREADS) })
mark('runtime')
const { programs, slots } = compileTraining({
  model,
  inputs: { x: { dtype: 'float32', shape: ['B', 'T', width] }, y: { dtype: 'float32', shape: ['B', 'T', width] } },
  loss: (context, { x, y }) => meanSquaredError(model.apply(context, x), y),
  optimiser: adamW(),
  clip: 1,
})
mark('compile')
const loaded = runtime.load('step', programs.step)
const state = Object.fromEntries(initialise(model, 1))
for (const [path, dims] of slots)
  state[path] = { dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b)) }
mark('initialise')
await loaded
mark('session')
await runtime.write(state)
mark('write')
const data = () => ({
  dtype: 'float32',
  dims: [batch, time, width],
  data: new Float32Array(batch * time * width).fill(0.5),
})
const scalars = { lossWeight: 1, learningRate: 1e-4, 'adam.scale': 0.3, 'adam.epsilon': 1e-9 }
const { loss } = await runtime.step('step', { x: data(), y: data() }, scalars)
mark('step')
const parts = Object.fromEntries(marks.map(([name, at], i) => [name, Math.round(at - (marks[i - 1]?.[1] ?? 0))]))
const { user, system } = process.cpuUsage()
const cpu = Math.round((user + system) / 1000)
console.log(JSON.stringify({ parameters: parameterCount(model), parts, cpu, loss: loss.data[0] }))
process.exit(0)
