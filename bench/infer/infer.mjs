// npm run bench:infer [-- --rounds 15 --threads 2 --only fp32,int8,torch --shapes 1x16,16x64]
// Inference of a MiniLM-shaped encoder, float32 and INT8, beside PyTorch. For each shape of batch all take turns, each in a
// process of its own; medians. The last line is one JSON document.
import { fileURLToPath } from 'node:url'
import { encodeOnnx } from '@volant/graph'
import { openSession } from '@volant/nn'
import { alternate, contestOptions, option, python, torchHint } from '../contest/alternate.mjs'
import { shape } from '../contest/encoder.mjs'
import { encoder, input } from './model.mjs'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const options = contestOptions(15)
const shapes = option('shapes', '1x16,1x64,1x128,16x16,16x64,16x128')
  .split(',')
  .map((text) => {
    const [batch, time] = text.split('x').map(Number)
    return { batch, time }
  })
const contestants = [
  { name: 'fp32', command: [process.execPath, here('ours.mjs'), 'fp32'] },
  { name: 'int8', command: [process.execPath, here('ours.mjs'), 'int8'] },
  { name: 'torch', command: [python, here('torch_infer.py')], hint: torchHint },
]

/** A turn is so many runs that it takes some tenths of a second. */
const runsOfTurn = ({ batch, time }) => Math.max(1, Math.round(2048 / (batch * time)))

const runs = []
for (const of of shapes) {
  const steps = runsOfTurn(of)
  process.stderr.write(`batch ${of.batch} x ${of.time}, ${steps} runs a turn\n`)
  const ms = await alternate(contestants, {
    ...options,
    steps,
    variables: { SHAPE: JSON.stringify({ ...shape, ...of }) },
  })
  const times = { fp32_ms: ms('fp32'), int8_ms: ms('int8'), torch_ms: ms('torch') }
  const ratio = (a, b) => a && b && Number((a / b).toFixed(2))
  runs.push({
    ...of,
    ...times,
    int8_times_fp32: ratio(times.fp32_ms, times.int8_ms),
    fp32_times_torch: ratio(times.torch_ms, times.fp32_ms),
  })
  process.stderr.write(`${JSON.stringify(runs.at(-1))}\n`)
}

const models = Object.fromEntries(['fp32', 'int8'].map((kind) => [kind, encodeOnnx(encoder(kind))]))
const x = input(16, 64)
const outputs = {}
for (const [kind, model] of Object.entries(models)) {
  const session = await openSession(model, { threads: options.threads })
  outputs[kind] = (await session.run({ x })).y.data
  await session.release()
}
const dot = (a, b) => a.reduce((sum, v, i) => sum + v * b[i], 0)
const { fp32, int8 } = outputs
const cosine = dot(fp32, int8) / Math.sqrt(dot(fp32, fp32) * dot(int8, int8))
const megabytes = (kind) => Number((models[kind].byteLength / 1e6).toFixed(1))
console.log(
  JSON.stringify({
    runs,
    int8_cosine: Number(cosine.toFixed(5)),
    fp32_mb: megabytes('fp32'),
    int8_mb: megabytes('int8'),
    threads: options.threads,
  }),
)
process.exit(0)
