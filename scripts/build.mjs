// Builds every package: TypeScript to dist, then the console's page where its sources are newer than it.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const started = new Date()
const root = fileURLToPath(new URL('..', import.meta.url))
const require = createRequire(import.meta.url)

/** Runs a tool of node_modules with this Node; ends the build when it fails. */
function run(name, bin, args, cwd = root) {
  const tool = path.join(path.dirname(require.resolve(`${name}/package.json`)), bin)
  const { status } = spawnSync(process.execPath, [tool, ...args], { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  if (status !== 0) process.exit(status ?? 1)
}

/** Is a file below one of the folders newer than `made`? */
function isStale(made, ...folders) {
  const time = fs.statSync(made, { throwIfNoEntry: false })?.mtimeMs ?? 0
  return folders.some((folder) =>
    fs.readdirSync(folder, { recursive: true }).some((file) => fs.statSync(path.join(folder, file)).mtimeMs > time),
  )
}

run('typescript', 'bin/tsc', ['-b', ...process.argv.slice(2)])

const page = path.join(root, 'packages/console')
if (isStale(path.join(page, 'dist/index.html'), path.join(page, 'src'), path.join(root, 'packages/client/src'))) {
  run('vite', 'bin/vite.js', ['build', '--logLevel', 'warn'], page)
}

// Tells packages/cli/bin/volant.js how old the sources of this build are.
const stamp = path.join(root, 'node_modules/.volant-built')
fs.writeFileSync(stamp, `${started.toISOString()}\n`)
fs.utimesSync(stamp, started, started)
