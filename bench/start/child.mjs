// Started by start.mjs: imports the engine and makes one training step of a 10 M-parameter model; says what each part took.
const marks = [['process', performance.now()]]
const mark = (name) => marks.push([name, performance.now()])

const { adamW, compileTraining, createRuntime, firstState, optimiserScalars, parameterCount } = await import(
  '@volant/nn'
)
const { encoderTraining, shape } = await import('../contest/encoder.mjs')
mark('import')
const [batch, time] = [1, 16]
const training = encoderTraining()
const runtime = createRuntime({ threads: Number(process.env.THREADS) })
mark('runtime')
const optimiser = adamW()
const compiled = compileTraining({ ...training, optimiser, clip: 1 })
mark('compile')
const loaded = runtime.load('step', compiled.programs.step)
const state = firstState(training.model, compiled, 1)
mark('initialise')
await loaded
mark('session')
await runtime.write(state)
mark('write')
const data = () => ({
  dtype: 'float32',
  dims: [batch, time, shape.width],
  data: new Float32Array(batch * time * shape.width).fill(0.5),
})
const scalars = { lossWeight: 1, ...optimiserScalars(optimiser, 1, 1e-4) }
const { loss } = await runtime.step('step', { x: data(), y: data() }, scalars)
mark('step')
const parts = Object.fromEntries(marks.map(([name, at], i) => [name, Math.round(at - (marks[i - 1]?.[1] ?? 0))]))
const { user, system } = process.cpuUsage()
const cpu = Math.round((user + system) / 1000)
console.log(JSON.stringify({ parameters: parameterCount(training.model), parts, cpu, loss: loss.data[0] }))
process.exit(0)
