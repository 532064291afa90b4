// npm run bench:gpt [-- --rounds 21 --threads 2 --only ours --loss]
// Training steps of nanoGPT's configuration for a CPU beside PyTorch. Both take turns in one run, each in a process of its own;
// medians. `--loss` also trains our 2,000 iterations on tinyshakespeare (`--data ../shared/data`) and adds the loss on its last
// tenth. The last line is one JSON document.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { alternate, contestOptions, option, python, torchHint } from '../contest/alternate.mjs'
import { settings, shape } from './shape.mjs'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const options = contestOptions(21)
const ms = await alternate(
  [
    { name: 'ours', command: [process.execPath, here('ours.mjs')] },
    { name: 'torch', command: [python, here('torch_gpt.py')], hint: torchHint },
  ],
  { ...options, steps: 10, variables: { SHAPE: JSON.stringify(shape), SETTINGS: JSON.stringify(settings) } },
)

/** Trains in a process of its own, as a reader would. */
function validationLoss() {
  const example = here('../../examples/networks/dist/run.js')
  const flags = ['tinyshakespeare', '--data', option('data', '../shared/data'), '--threads', String(options.threads)]
  const { stdout, status } = spawnSync(process.execPath, [example, ...flags], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (status !== 0) throw new Error(`the example tinyshakespeare ended with ${status}`)
  return JSON.parse(stdout.toString().trim().split('\n').at(-1)).validationLoss
}

const tokens = shape.batch * shape.context
const perSecond = (milliseconds) => (milliseconds === null ? null : Math.round(tokens / (milliseconds / 1000)))
const [ours, torch] = [ms('ours'), ms('torch')]
console.log(
  JSON.stringify({
    ours_ms: ours,
    torch_ms: torch,
    ours_tokens_per_second: perSecond(ours),
    torch_tokens_per_second: perSecond(torch),
    ratio: ours && torch ? Number((torch / ours).toFixed(2)) : null,
    validation_loss: process.argv.includes('--loss') ? validationLoss() : null,
    threads: options.threads,
  }),
)
process.exit(0)
