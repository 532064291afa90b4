// npm run bench:train-step [-- --rounds 15 --threads 2 --only ours,ceiling]
// One training step - forward, backward, clipping, AdamW - beside its peers and beside the ceiling, the matrix products of the
// step run alone. All take turns in one run, each in a process of its own; medians. The last line is one JSON document.
import { fileURLToPath } from 'node:url'
import { alternate, contestOptions, python, torchHint } from '../contest/alternate.mjs'
import { flops, products, settings, shape } from './shape.mjs'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const options = contestOptions(15)
const ms = await alternate(
  [
    { name: 'ceiling', command: [process.execPath, here('ceiling.mjs')] },
    { name: 'ours', command: [process.execPath, here('ours.mjs')] },
    { name: 'torch', command: [python, here('torch_step.py')], hint: torchHint },
    { name: 'jaxjs', command: [process.execPath, here('jaxjs.mjs')], each: 5, needs: '@jax-js/jax' },
    { name: 'tfjs', command: [process.execPath, here('tfjs.mjs')], each: 8, needs: '@tensorflow/tfjs' },
  ],
  { ...options, steps: 3, variables: { SHAPE: JSON.stringify(shape), SETTINGS: JSON.stringify(settings) } },
)

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
    threads: options.threads,
  }),
)
process.exit(0)
