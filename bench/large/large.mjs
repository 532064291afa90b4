// npm run bench:large [-- --folder FOLDER --threads 2]
// A Llama of 1.1 billion random weights, sharded, 2.2 GB on disk: loaded in 4 bits, a LoRA step of one row of 128 tokens, then written
// with, each in a process of its own whose peak memory is told. The folder is made in the system's temporary folder and deleted at
// the end, unless it is named. The last line is one JSON document.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { trainingEnvironment } from '@volant/nn'
import { contestOptions, option } from '../contest/alternate.mjs'
import { makeLargeModel } from './make.mjs'

const { threads } = contestOptions(1)
const temporary = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-large-'))
process.on('exit', () => fs.rmSync(temporary, { recursive: true, force: true }))
const folder = option('folder', path.join(temporary, 'model'))
const made = makeLargeModel(folder)
process.stderr.write(`made ${folder}: ${JSON.stringify(made)}\n`)

function use(what) {
  const args = [fileURLToPath(new URL('use.mjs', import.meta.url)), what, folder, path.join(temporary, 'adapter')]
  const env = { ...process.env, ...trainingEnvironment(), THREADS: threads }
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${what} failed: ${stderr}`)
  process.stderr.write(`${what}: ${stdout}`)
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

console.log(JSON.stringify({ ...made, tune: use('tune'), generate: use('generate'), threads }))
