// One command checks all: format and lint, types, import boundaries, dead code, tests. A check that saw no file fails.
import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))

/** The file that a package of node_modules runs as command `command`. */
function bin(name, command = name) {
  const folder = path.join(root, 'node_modules', name)
  const { bin } = JSON.parse(fs.readFileSync(path.join(folder, 'package.json'), 'utf8'))
  return path.join(folder, typeof bin === 'string' ? bin : bin[command])
}

/** Runs one check; `saw` tells from its output how many files it looked at. */
function check(title, tool, args, saw) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [tool, ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
  const output = `${stdout}${stderr}`
  const files = saw ? saw(output) : undefined
  const failed = status !== 0 || files === 0
  if (failed) process.stdout.write(output)
  console.log(`${failed ? 'FAILED' : 'ok'}  ${title}${files === undefined ? '' : `: ${files} files`}`)
  if (failed) process.exitCode = 1
  return !failed
}

const number = (pattern) => (output) => Number(pattern.exec(output)?.[1] ?? 0)

check('format and lint', bin('@biomejs/biome', 'biome'), ['check', '.'], number(/Checked (\d+) files/))
check('build types', bin('typescript', 'tsc'), ['-b', '--verbose'], (output) => output.match(/Project '/g)?.length ?? 0)
check('types with tests', bin('typescript', 'tsc'), ['-p', 'tsconfig.test.json', '--listFilesOnly'], (output) =>
  own(output),
)
check('types with tests', bin('typescript', 'tsc'), ['-p', 'tsconfig.test.json'])
check('types of the console', bin('typescript', 'tsc'), ['-p', 'packages/console'])
check('types of the browser example', bin('typescript', 'tsc'), ['-p', 'examples/browser-training'])
check(
  'import boundaries',
  bin('dependency-cruiser', 'depcruise'),
  ['packages', 'examples', '--config', '.dependency-cruiser.cjs'],
  number(/\((\d+) modules/),
)
check('dead code', bin('knip'), ['--no-progress'])
if (!process.exitCode && !process.argv.includes('--no-tests')) {
  const { status } = spawnSync(process.execPath, ['scripts/test.mjs'], { cwd: root, stdio: 'inherit' })
  if (status !== 0) process.exitCode = 1
}

/** How many of the listed files are ours. */
function own(output) {
  return output.split('\n').filter((line) => line.includes('/src/') && !line.includes('node_modules')).length
}
