// npm run bench:scaling [-- --steps 15]
// Data-parallel training of the train-step network by processes over Open MPI on this machine: a batch of 16 x 64 tokens by one
// process, and shared by two, one thread each. `pass` is forward and backward, `apply` the sum over the processes and the
// update; the sum alone is what two processes need beyond one. The last line is one JSON document; null without mpirun.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { trainingEnvironment } from '@volant/nn'
import { option } from '../contest/alternate.mjs'

const steps = option('steps', '15')
const script = fileURLToPath(new URL('process.mjs', import.meta.url))
const environment = { ...process.env, ...trainingEnvironment() }

function measure(processes, rows, threads) {
  const own = [process.execPath, script, String(rows), String(threads), steps]
  const mpirun = ['mpirun', '--oversubscribe', '--allow-run-as-root', '--bind-to', 'none', '-n', String(processes)]
  const [command, ...args] = processes === 1 ? own : [...mpirun, ...own]
  const { status, stdout, error } = spawnSync(command, args, {
    encoding: 'utf8',
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  if (error?.code === 'ENOENT') return null
  if (status !== 0) throw new Error(`${processes} processes ended with ${status}`)
  const { pass, apply } = JSON.parse(stdout)
  return { pass_ms: Number(pass.toFixed(1)), apply_ms: Number(apply.toFixed(1)) }
}

const one = measure(1, 16, 1)
const half = measure(1, 8, 1)
const two = measure(2, 8, 1)
const together = measure(1, 16, 2)
const total = (times) => times && times.pass_ms + times.apply_ms
process.stdout.write(
  `${JSON.stringify({
    one_thread: one,
    half_batch_one_thread: half,
    two_processes: two,
    one_process_two_threads: together,
    speed_up: two && Number((total(one) / total(two)).toFixed(2)),
    sum_ms: two && Number((two.apply_ms - half.apply_ms).toFixed(1)),
  })}\n`,
)
