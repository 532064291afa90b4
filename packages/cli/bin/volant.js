#!/usr/bin/env node
// Starts Volant. In a clone, builds it first when dist is missing or older than the sources.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const here = path.dirname(fs.realpathSync(fileURLToPath(import.meta.url)))
const main = path.join(here, '../dist/main.js')
const root = path.join(here, '../../..')
const lock = path.join(root, 'node_modules/.volant-build')

/** Time in ms of the newest file below `folder`, dist and node_modules left out. */
function newest(folder) {
  let time = 0
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'dist' || entry.name === 'node_modules' || entry.name.endsWith('.test.ts')) continue
    const file = path.join(folder, entry.name)
    time = Math.max(time, entry.isDirectory() ? newest(file) : fs.statSync(file).mtimeMs)
  }
  return time
}

/** Is there a source newer than the last build? */
function stale() {
  const stamp = fs.statSync(path.join(root, 'node_modules/.volant-built'), { throwIfNoEntry: false })
  if (!stamp || !fs.existsSync(main)) return true
  return Math.max(newest(path.join(root, 'packages')), newest(path.join(root, 'examples'))) > stamp.mtimeMs
}

/** Takes the build lock; waits while another process builds; a lock older than ten minutes is a dead one. */
function takeLock() {
  for (;;) {
    try {
      fs.mkdirSync(lock)
      return
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      const age = Date.now() - (fs.statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? Date.now())
      if (age > 600_000) fs.rmSync(lock, { recursive: true, force: true })
      else Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    }
  }
}

const isClone = fs.existsSync(path.join(root, 'scripts/build.mjs')) && fs.existsSync(path.join(root, 'node_modules'))
if (isClone && stale()) {
  takeLock()
  try {
    if (stale()) {
      process.stderr.write('Building Volant (once) …\n')
      const { status } = spawnSync(process.execPath, [path.join(root, 'scripts/build.mjs')], {
        cwd: root,
        stdio: ['ignore', 2, 2],
      })
      if (status !== 0) {
        process.stderr.write('The build failed: see above. Run `npm ci`, then try again.\n')
        process.exitCode = 1
      }
    }
  } finally {
    fs.rmSync(lock, { recursive: true, force: true })
  }
}
if (!process.exitCode) await import(pathToFileURL(main).href)
