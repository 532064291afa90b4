// Prints, as one JSON line, what the tests of memory want to know of a process of its own. First argument: what; second: a model file.
import { encodeOnnx, GraphBuilder, lower, matMul, reduceSum } from '@volant/graph'
import { createRuntime, openSession } from '@volant/nn'

const WIDTH = 6144 // weights of 144 MiB
const zeros = (...dims) => ({ dtype: 'float32', dims, data: new Float32Array(dims.reduce((a, b) => a * b, 1)) })
const resident = () => {
  globalThis.gc()
  return Math.round(process.memoryUsage.rss() / 2 ** 20)
}
const refusal = (work) =>
  work.then(
    () => 'no refusal',
    ({ name, code, message, details }) => ({ name, code, message, details }),
  )

function model(weights) {
  const builder = new GraphBuilder('wide')
  const x = builder.input('x', 'float32', ['batch', WIDTH])
  const y = builder.at('head.layers.3', () => matMul(x, builder.parameter('w', [WIDTH, WIDTH])))
  builder.output('sum', reduceSum(y))
  return encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, weights))
}

const program = () => ({
  model: model(),
  state: ['w'],
  updates: [],
  tables: [],
  results: ['sum'],
  clear: [],
  sums: [],
  training: false,
})

const tasks = {
  /** Writes a model with weights, in a process of its own so that nothing of it stays in memory. */
  async write(file) {
    const { writeFile } = await import('node:fs/promises')
    await writeFile(file, model(new Map([['w', zeros(WIDTH, WIDTH)]])))
    return {}
  },
  async session(file, worker) {
    const before = resident()
    const session = await openSession(file, { worker: worker === 'worker' })
    await session.run({ x: zeros(1, WIDTH) })
    const open = resident()
    await session.release()
    return { before, open, released: resident() }
  },
  async runtime() {
    const runtime = createRuntime({ threads: 1 })
    await runtime.load('evaluate', program())
    const before = resident()
    await runtime.write({ w: zeros(WIDTH, WIDTH) })
    await runtime.step('evaluate', { x: zeros(1, WIDTH) })
    const open = resident()
    await runtime.release()
    return { before, open, released: resident() }
  },
  /** In a process whose address space is limited. */
  async limited(file) {
    const runtime = createRuntime({ threads: 1 })
    await runtime.load('evaluate', program())
    await runtime.write({ w: zeros(WIDTH, WIDTH) })
    const step = await refusal(runtime.step('evaluate', { x: zeros(40_000, WIDTH) }))
    const { sum } = await runtime.step('evaluate', { x: zeros(1, WIDTH) }) // it goes on
    const sessions = []
    let open
    while (!open)
      open = await openSession(file).then(
        (s) => void sessions.push(s),
        ({ code, message }) => ({ code, message }),
      )
    return { step, after: sum.data[0], open, sessions: sessions.length }
  },
}

const [task, ...args] = process.argv.slice(2)
console.log(JSON.stringify(await tasks[task](...args)))
process.exit(0)
