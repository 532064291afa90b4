// npm run bench:train-step [-- --rounds 15 --threads 2 --only ours,ceiling]
// One training step - forward, backward, clipping, AdamW - beside its peers and beside the ceiling, the matrix products of the
// step run alone. All take turns in one run, each in a process of its own; medians. The last line is one JSON document.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { trainingEnvironment } from '@volant/nn'
import { flops, products, settings, shape } from './shape.mjs'

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}
const rounds = Number(option('rounds', 15))
const threads = Number(option('threads', availableParallelism()))
const only = option('only', undefined)?.split(',')
const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const python = process.env.VOLANT_BENCH_PYTHON ?? 'python3'
const note = (text) => process.stderr.write(`${text}\n`)

/** `each`: takes part in every n-th round only, because its step takes many seconds. */
const contestants = [
  { name: 'ceiling', command: [process.execPath, here('ceiling.mjs')] },
  { name: 'ours', command: [process.execPath, here('ours.mjs')] },
  {
    name: 'torch',
    command: [python, here('torch_step.py')],
    hint: 'pip install torch; name the interpreter in VOLANT_BENCH_PYTHON',
  },
  { name: 'jaxjs', command: [process.execPath, here('jaxjs.mjs')], each: 5, needs: '@jax-js/jax' },
  { name: 'tfjs', command: [process.execPath, here('tfjs.mjs')], each: 8, needs: '@tensorflow/tfjs' },
]

/** A contestant's process: `step()` resolves to the milliseconds it says it took. */
async function start({ name, command, needs, hint = 'npm run bench:peers' }) {
  const absent = (reason) => note(`${name}: left out, ${reason} (${hint})`)
  if (needs && !existsSync(here(`../node_modules/${needs}`))) return absent(`${needs} is not installed`)
  const variables = {
    THREADS: threads,
    OMP_NUM_THREADS: threads,
    SHAPE: JSON.stringify(shape),
    SETTINGS: JSON.stringify(settings),
  }
  const env = { ...process.env, ...trainingEnvironment(), ...variables } // the same for all
  const child = spawn(command[0], command.slice(1), { env, stdio: ['pipe', 'pipe', 'ignore'] })
  const spawned = await new Promise((resolve) => {
    child.once('spawn', () => resolve(true))
    child.once('error', () => resolve(false))
  })
  if (!spawned) return absent(`${command[0]} was not found`)
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const read = async () => {
    const { value, done } = await lines.next()
    return done ? { failed: 'its process ended' } : JSON.parse(value)
  }
  const ready = await read()
  if (!ready.ready) return absent(ready.failed)
  return {
    async step() {
      child.stdin.write('step\n')
      const answer = await read()
      if (answer.failed) throw new Error(`${name}: ${answer.failed}`)
      return answer.ms
    },
    end: () => child.stdin.end(),
  }
}

const median = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

const running = []
for (const contestant of contestants) {
  if (only && !only.includes(contestant.name)) continue
  const process = await start(contestant)
  if (process) running.push({ ...contestant, ...process, times: [] })
}
for (const { name, step, each = 1 } of running) {
  note(`${name}: warming up`)
  for (let i = 0; i < (each === 1 ? 3 : 1); i++) await step()
}
for (let round = 0; round < rounds; round++) {
  for (const { name, step, times, each = 1 } of running) {
    if (round % each !== 0) continue
    times.push(await step())
    note(`round ${round + 1} of ${rounds}: ${name} ${times.at(-1).toFixed(0)} ms`)
  }
}
for (const { end } of running) end()

const ms = (name) => {
  const found = running.find((contestant) => contestant.name === name)
  return found ? Number(median(found.times).toFixed(1)) : null
}
const gflop = flops(products()) / 1e9
const perSecond = (milliseconds) => (milliseconds === null ? null : Number((gflop / (milliseconds / 1000)).toFixed(1)))
console.log(
  JSON.stringify({
    ours_ms: ms('ours'),
    tfjs_ms: ms('tfjs'),
    jaxjs_ms: ms('jaxjs'),
    torch_ms: ms('torch'),
    ceiling_gflops: perSecond(ms('ceiling')),
    effective_gflops: perSecond(ms('ours')),
    threads,
  }),
)
process.exit(0)
