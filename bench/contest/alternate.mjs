// Runs the contestants of a benchmark in turns, each in a process of its own that speaks the protocol of contestant.mjs.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { trainingEnvironment } from '@volant/nn'

const note = (text) => {
  process.stderr.write(`${text}\n`)
}

/** The interpreter of PyTorch. */
export const python = process.env.VOLANT_BENCH_PYTHON ?? 'python3'
export const torchHint = 'pip install torch; name the interpreter in VOLANT_BENCH_PYTHON'

/** The value after a flag of the command line. */
export function option(name, otherwise) {
  const at = process.argv.indexOf(`--${name}`)
  return at < 0 ? otherwise : process.argv[at + 1]
}

/** The flags all contests share: `--rounds 15 --threads 2 --only ours,torch`. */
export function contestOptions(rounds) {
  return {
    rounds: Number(option('rounds', rounds)),
    threads: Number(option('threads', availableParallelism())),
    only: option('only', undefined)?.split(','),
  }
}

/** Milliseconds before each turn. Threads of the former contestant may go on waiting busily for a while; they would take our cores. */
const rest = 100

/**
 * Lets contestants take turns of so many steps and resolves to a function from a name to the median of a step's milliseconds, null
 * where the contestant is absent. A contestant is `{ name, command, each?, needs?, hint? }`: where its step takes many seconds it
 * takes part in every `each`-th round only, with one step; it needs a package of the folder's own installation. `variables` go to
 * all of them.
 */
export async function alternate(contestants, { rounds, threads, only, steps = 1, variables = {} }) {
  const env = { ...process.env, ...trainingEnvironment(), THREADS: threads, OMP_NUM_THREADS: threads, ...variables }
  const running = []
  for (const contestant of contestants) {
    if (only && !only.includes(contestant.name)) continue
    const process = await start(contestant, { ...env, STEPS: contestant.each ? 1 : steps })
    if (process) running.push({ ...contestant, ...process, times: [] })
  }
  for (const { name, turn, each = 1 } of running) {
    note(`${name}: warming up`)
    for (let i = 0; i < (each === 1 ? 3 : 1); i++) await turn()
  }
  for (let round = 0; round < rounds; round++) {
    for (const { name, turn, times, each = 1 } of running) {
      if (round % each !== 0) continue
      await setTimeout(rest)
      times.push(await turn())
      note(`round ${round + 1} of ${rounds}: ${name} ${times.at(-1).toFixed(1)} ms`)
    }
  }
  for (const { end } of running) end()
  return (name) => {
    const found = running.find((contestant) => contestant.name === name)
    return found ? Number(median(found.times).toPrecision(4)) : null
  }
}

/** A contestant's process: `turn()` resolves to the milliseconds it says each of its steps took. */
async function start({ name, command, needs, hint = 'npm run bench:peers' }, env) {
  const absent = (reason) => note(`${name}: left out, ${reason} (${hint})`)
  const installed = fileURLToPath(new URL(`../node_modules/${needs}`, import.meta.url))
  if (needs && !existsSync(installed)) return absent(`${needs} is not installed`)
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
    async turn() {
      child.stdin.write('turn\n')
      const answer = await read()
      if (answer.failed) throw new Error(`${name}: ${answer.failed}`)
      return answer.ms
    },
    end: () => child.stdin.end(),
  }
}

export const median = (numbers) => {
  const sorted = numbers.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
