// npm run bench:bag [-- --rounds 5 --threads 2 --only ours,fasttext --rows mixed|reviews]
// Training a hashed n-gram classifier from a file of rows, beside fastText. Both take turns in one run, each in a process of its own;
// medians. The accuracies are of one more training each. The last line is one JSON document.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { alternate, contestOptions, option, python } from '../contest/alternate.mjs'
import { rows } from './rows.mjs'
import { fastText } from './shape.mjs'

const here = (file) => fileURLToPath(new URL(file, import.meta.url))
const options = contestOptions(5)
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-bag-'))
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))

const { data, train, test } = await rows(option('rows', 'mixed'))
const words = (text) => text.toLowerCase().match(/\p{Script=Han}|[\p{L}\p{M}\p{N}_']+|[^\s\p{L}\p{N}]/gu) ?? []
const line = ({ text, label }) => `__label__${label.replaceAll(' ', '_')} ${words(text).join(' ')}\n`
const files = { TRAIN: path.join(folder, 'train.txt'), TEST: path.join(folder, 'test.txt') }
fs.writeFileSync(files.TRAIN, train.map(line).join(''))
fs.writeFileSync(files.TEST, test.map(line).join(''))

const contestants = [
  { name: 'ours', command: [process.execPath, here('ours.mjs')] },
  {
    name: 'fasttext',
    command: [python, here('fasttext_bag.py')],
    hint: 'pip install fasttext-wheel; name the interpreter in VOLANT_BENCH_PYTHON',
  },
]
const variables = { TRAIN: files.TRAIN, SETTINGS: JSON.stringify(fastText) }
const ms = await alternate(contestants, { ...options, variables })
const seconds = (name) => (ms(name) === null ? null : ms(name) / 1000)
const accuracy = (name) => {
  if (ms(name) === null) return null
  const [file, ...rest] = contestants.find((one) => one.name === name).command
  const env = { ...process.env, ...variables, ...files, THREADS: options.threads }
  return Number(Number(spawnSync(file, rest, { env, encoding: 'utf8' }).stdout).toFixed(4))
}
const [ours, peer] = [seconds('ours'), seconds('fasttext')]
console.log(
  JSON.stringify({
    data,
    rows: train.length,
    ours_seconds: ours,
    fasttext_seconds: peer,
    times_fasttext: ours === null || peer === null ? null : Number((ours / peer).toFixed(2)),
    ours_accuracy: accuracy('ours'),
    fasttext_accuracy: accuracy('fasttext'),
    threads: options.threads,
  }),
)
process.exit(0)
