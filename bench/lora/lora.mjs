// npm run bench:lora [-- --base FOLDER|FILE.gguf --data ../shared/data --rounds 9 --threads 2 --only ours,torch]
// LoRA of a small decoder (SmolLM2-135M; the .gguf of the folder that VOLANT_TEST_MODELS names) on 1,000 conversations made of the
// questions and answers of bank_faq, loss on answers only, beside PyTorch, transformers and PEFT: `torch` and `ours_padded` take the
// same batches of 3 conversations padded to the longest; `ours` packs them into rows of 256 tokens, as `volant instruct` does. Then
// tokens a second of greedy writing beside transformers' `generate`. All take turns in one run, each in a process of its own;
// medians. The last line is one JSON document.
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { openTable } from '@volant/data'
import { decoderNetwork, encodeChat, openDecoder, packChats, Tokeniser, writeMergedDecoder } from '@volant/models'
import { epochOrder } from '../../packages/nn/dist/trainer/order.js'
import { alternate, contestOptions, option, python } from '../contest/alternate.mjs'
import { batchSize, longest, packing, rank, settings } from './settings.mjs'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const skip = (reason) => {
  process.stderr.write(`bench:lora: skipped, ${reason}\n`)
  process.exit(0)
}
const base = option('base', path.join(process.env.VOLANT_TEST_MODELS ?? '', 'smollm2.gguf'))
if (!fs.existsSync(base)) skip(`there is no ${base}; name a decoder by --base, or its folder in VOLANT_TEST_MODELS`)
const faq = path.join(option('data', '../shared/data'), 'bank_faq/faq.csv')
if (!fs.existsSync(faq)) skip(`there is no ${faq}; name the folder of the data by --data`)

const options = contestOptions(9)
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-lora-'))
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))
const decoder = await openDecoder(base)
// The same weights for PyTorch, as a folder.
const torchBase = path.join(folder, 'base')
await writeMergedDecoder(torchBase, decoder, { network: decoderNetwork(decoder.description), weights: new Map() })

const tokeniser = new Tokeniser(decoder.description.tokeniser)
const table = await openTable(faq)
const chats = []
for await (const { question, answer } of table.rows()) {
  if (chats.length === 1000) break
  const messages = [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ]
  const { ids, learnt } = encodeChat({ messages }, tokeniser)
  if (ids.length <= longest) chats.push({ ids: [...ids], learnt: [...learnt] })
}
const places = new Map(chats.map((chat, i) => [chat, i]))
const sum = (values) => values.reduce((a, b) => a + b, 0)
const updates = (rows, batchSize, length) =>
  epochOrder({ rows: rows.length, batchSize, accumulate: 1, seed: 42, length }, 0).map(([some]) =>
    Array.from(some, (one) => rows[one]),
  )
/** The updates nearest to the mean size first: those that are timed stand for the epoch. */
function nearMean(updates) {
  const tokens = (row) => sum(row.map((one) => chats[one].ids.length))
  const size = (rows) => rows.length * Math.max(...rows.map(tokens))
  const mean = sum(updates.map(size)) / updates.length
  return updates.toSorted((a, b) => Math.abs(size(a) - mean) - Math.abs(size(b) - mean))
}
const rows = packChats(chats, packing.rowTokens).map((row) => row.map((chat) => places.get(chat)))
const packed = nearMean(updates(rows, packing.batchSize, (row) => sum(rows[row].map((one) => chats[one].ids.length))))
const padded = nearMean(
  updates(
    chats.map((_, i) => [i]),
    batchSize,
  ),
)
const data = path.join(folder, 'chats.json')
fs.writeFileSync(data, JSON.stringify({ chats, packed, padded, rank }))

const hint = 'pip install torch transformers peft; name the interpreter in VOLANT_BENCH_PYTHON'
const variables = { SHAPE: '{}', BASE: base, TORCH_BASE: torchBase }
const ms = await alternate(
  [
    { name: 'ours', command: [process.execPath, here('ours.mjs'), 'packed'] },
    { name: 'ours_padded', command: [process.execPath, here('ours.mjs'), 'padded'] },
    { name: 'torch', command: [python, here('torch_lora.py')], hint },
  ],
  { ...options, variables: { ...variables, SETTINGS: JSON.stringify(settings), DATA: data } },
)
const length = 64
const writing = await alternate(
  [
    { name: 'ours', command: [process.execPath, here('generate.mjs'), 'float32'] },
    { name: 'ours_int8', command: [process.execPath, here('generate.mjs'), 'int8'] },
    { name: 'torch', command: [python, here('torch_generate.py')], hint },
  ],
  {
    ...options,
    rounds: 5,
    variables: { ...variables, LENGTH: length, PROMPT: 'The first thing to know about banks is' },
  },
)

const steps = { ours: packed.length, ours_padded: padded.length, torch: padded.length }
const epoch = (name) => (ms(name) === null ? null : Number(((ms(name) * steps[name]) / 1000).toFixed(1)))
const times = (name) =>
  epoch(name) === null || epoch('torch') === null ? null : Number((epoch('torch') / epoch(name)).toFixed(2))
const speed = (name) => (writing(name) === null ? null : Number(((length * 1000) / writing(name)).toFixed(1)))
console.log(
  JSON.stringify({
    chats: chats.length,
    tokens: sum(chats.map(({ ids }) => ids.length)),
    ours_seconds: epoch('ours'),
    ours_padded_seconds: epoch('ours_padded'),
    torch_seconds: epoch('torch'),
    times_torch: times('ours'),
    times_torch_padded: times('ours_padded'),
    ours_tokens_per_second: speed('ours'),
    ours_int8_tokens_per_second: speed('ours_int8'),
    torch_tokens_per_second: speed('torch'),
    threads: options.threads,
  }),
)
process.exit(0)
