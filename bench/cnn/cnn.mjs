// npm run bench:cnn [-- --rounds 15 --threads 2 --only ours,torch]
// Training steps of a small convolutional network on pictures of Fashion-MNIST's shape, beside its peers. All take turns in one
// run, each in a process of its own; medians. The last line is one JSON document.
import { fileURLToPath } from 'node:url'
import { alternate, contestOptions, python, torchHint } from '../contest/alternate.mjs'
import { settings, shape } from './shape.mjs'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const options = contestOptions(15)
const ms = await alternate(
  [
    { name: 'ours', command: [process.execPath, here('ours.mjs')] },
    { name: 'torch', command: [python, here('torch_cnn.py')], hint: torchHint },
    { name: 'tfjs', command: [process.execPath, here('tfjs.mjs')], each: 15, needs: '@tensorflow/tfjs' },
  ],
  { ...options, steps: 20, variables: { SHAPE: JSON.stringify(shape), SETTINGS: JSON.stringify(settings) } },
)

const images = (name) => ms(name) && Math.round((shape.batch * 1000) / ms(name))
const ours = images('ours')
const torch = images('torch')
const tfjs = images('tfjs')
const ratio = (peer) => ours && peer && Number((ours / peer).toFixed(2))
console.log(
  JSON.stringify({
    ours_images_per_second: ours,
    torch_images_per_second: torch,
    tfjs_images_per_second: tfjs,
    times_torch: ratio(torch),
    times_tfjs: ratio(tfjs),
    threads: options.threads,
  }),
)
process.exit(0)
