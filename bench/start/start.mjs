// npm run bench:start [-- --rounds 9 --threads 2]
// From the start of a process to its first finished training step (batch 1 x 16) of a model of 10.6 M parameters: seconds and what
// they are made of, medians over new processes. `cpu_ms` counts both threads. The last line is JSON.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { contestOptions, median } from '../contest/alternate.mjs'

const child = fileURLToPath(new URL('child.mjs', import.meta.url))
const { rounds, threads } = contestOptions(9)

/** Starts a process; resolves to what it says and the milliseconds until it said so. */
async function once() {
  const started = performance.now()
  const process_ = spawn(process.execPath, [child], {
    env: { ...process.env, THREADS: threads },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  let ms = Number.NaN
  for await (const chunk of process_.stdout) {
    ms = performance.now() - started
    text += chunk
  }
  return { ms, ...JSON.parse(text) }
}

const runs = []
for (let round = 0; round < rounds; round++) {
  runs.push(await once())
  process.stderr.write(`round ${round + 1} of ${rounds}: ${runs.at(-1).ms.toFixed(0)} ms\n`)
}
const { parameters, parts } = runs[0]
console.log(
  JSON.stringify({
    seconds: Number((median(runs.map(({ ms }) => ms)) / 1000).toFixed(2)),
    fastest_seconds: Number((Math.min(...runs.map(({ ms }) => ms)) / 1000).toFixed(2)),
    parts_ms: Object.fromEntries(Object.keys(parts).map((name) => [name, median(runs.map((run) => run.parts[name]))])),
    cpu_ms: median(runs.map(({ cpu }) => cpu)),
    parameters,
    threads,
  }),
)
