// npm run example -- <name> [flags]: trains one of the networks and says its figures.
import { VolantError } from '@volant/data'
import { NnError } from '@volant/nn'
import { type ExampleName, examples } from './examples.js'
import { help, UsageError } from './options.js'

const [name = '--help', ...flags] = process.argv.slice(2)
const wantsHelp = [name, ...flags].some((flag) => flag === '--help' || flag === '-h')
try {
  if (Object.hasOwn(examples, name)) {
    if (wantsHelp) process.stdout.write(`${help(name as ExampleName)}\n`)
    else await import(new URL(`${name}.example.js`, import.meta.url).href)
  } else if (wantsHelp) process.stdout.write(`${help()}\n`)
  else throw new UsageError(`NAME: expected one of ${Object.keys(examples).join(', ')}, found "${name}"`)
} catch (error) {
  const sentence = sentenceOf(error as Error)
  if (sentence === undefined) throw error
  process.stderr.write(`${sentence}\n`)
  process.exitCode = error instanceof UsageError ? 2 : 1
}

/** What to say of an error that is expected: wrong flags, missing data, a checkpoint of another run; undefined for others. */
function sentenceOf(error: Error & { code?: string; path?: string }): string | undefined {
  const path = error.code === 'file-not-found' ? String((error as VolantError).details['path']) : error.path
  if (path && /^(ENOENT|ENOTDIR|file-not-found)$/.test(error.code ?? ''))
    return `There is no file at "${path}"; --data says in which folder the data sets are`
  if ([UsageError, NnError, VolantError].some((expected) => error instanceof expected)) return error.message
  return undefined
}
