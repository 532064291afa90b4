// npm run bench:bilstm [-- --rounds 21 --threads 2 --only ours,torch]
// One training step of a bidirectional LSTM layer, beside PyTorch. Both take turns in one run, each in a process of its own; medians.
// The last line is one JSON document.
import { fileURLToPath } from 'node:url'
import { alternate, contestOptions, python, torchHint } from '../contest/alternate.mjs'
import { flops, settings, shape } from './shape.mjs'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const options = contestOptions(21)
const ms = await alternate(
  [
    { name: 'ours', command: [process.execPath, here('ours.mjs')] },
    { name: 'torch', command: [python, here('torch_bilstm.py')], hint: torchHint },
  ],
  { ...options, steps: 10, variables: { SHAPE: JSON.stringify(shape), SETTINGS: JSON.stringify(settings) } },
)

const ours = ms('ours')
const torch = ms('torch')
console.log(
  JSON.stringify({
    ours_ms: ours,
    torch_ms: torch,
    times_torch: ours === null || torch === null ? null : Number((torch / ours).toFixed(2)),
    effective_gflops: ours === null ? null : Number((flops(shape) / 1e6 / ours).toFixed(1)),
    threads: options.threads,
  }),
)
process.exit(0)
