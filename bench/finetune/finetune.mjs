// npm run bench:finetune [-- --base FOLDER|NAME --data ../shared/data --rounds 31 --threads 2 --only ours,torch]
// One epoch of fine-tuning a pretrained encoder (MiniLM-L6) on banking77, beside PyTorch and transformers: `torch` and `ours_random` take
// the same batches of 32 random rows, padded to the longest of each; `ours` takes them as `volant train` does, from pools of rows of
// like length. All take turns in one run, each in a process of its own; medians. The last line is one JSON document.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { openTable } from '@volant/data'
import { openEncoder, pullModel, Tokeniser } from '@volant/models'
import { epochOrder } from '../../packages/nn/dist/trainer/order.js'
import { alternate, contestOptions, option, python } from '../contest/alternate.mjs'
import { batchSize, settings } from './settings.mjs'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const options = contestOptions(31)
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-finetune-'))
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))

const named = option('base', 'sentence-transformers/all-MiniLM-L6-v2')
const base = fs.existsSync(named) ? path.resolve(named) : (await pullModel(named)).folder
const { description } = await openEncoder(base)
const tokeniser = new Tokeniser(description.tokeniser)
const table = await openTable(path.join(option('data', '../shared/data'), 'banking77/train.csv'))
const labels = new Map()
const rows = []
for await (const values of table.rows()) {
  if (!labels.has(values.label)) labels.set(values.label, labels.size)
  rows.push({ ids: Array.from(tokeniser.encode(values.text).ids), label: labels.get(values.label) })
}
const order = (length) =>
  epochOrder({ rows: rows.length, batchSize, accumulate: 1, seed: 42, length }, 0).map(([one]) => [...one])
const batches = { random: order(), grouped: order((row) => rows[row].ids.length) }
const data = path.join(folder, 'rows.json')
fs.writeFileSync(data, JSON.stringify({ classes: labels.size, rows, batches }))

const ms = await alternate(
  [
    { name: 'ours', command: [process.execPath, here('ours.mjs'), 'grouped'] },
    { name: 'ours_random', command: [process.execPath, here('ours.mjs'), 'random'] },
    {
      name: 'torch',
      command: [python, here('torch_finetune.py')],
      hint: 'pip install torch transformers; name the interpreter in VOLANT_BENCH_PYTHON',
    },
  ],
  { ...options, steps: 10, variables: { SETTINGS: JSON.stringify(settings), SHAPE: '{}', BASE: base, DATA: data } },
)
const epoch = (name) => (ms(name) === null ? null : Number(((ms(name) * batches.random.length) / 1000).toFixed(1)))
const times = (name) => (ms(name) === null || ms('torch') === null ? null : Number((ms('torch') / ms(name)).toFixed(2)))
console.log(
  JSON.stringify({
    rows: rows.length,
    ours_seconds: epoch('ours'),
    ours_random_seconds: epoch('ours_random'),
    torch_seconds: epoch('torch'),
    times_torch: times('ours'),
    times_torch_random: times('ours_random'),
    threads: options.threads,
  }),
)
process.exit(0)
