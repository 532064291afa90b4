// node test/page.mjs PAGE.md: runs the js blocks of a page, in order, as one program.
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const blocks = /^```js\n([\s\S]*?)^```$/gm

/** The program of a page, and what it says that it prints: the comments after and below each console.log. */
export function readPage(page) {
  const program = [...readFileSync(page, 'utf8').matchAll(blocks)].map(([, code]) => code).join('\n')
  const printed = [...program.matchAll(/console\.log\(.*\)(?:\s*\/\/ (.*)|(?:\n\/\/ .*)+)/g)].map(
    ([all, beside]) => beside ?? all.split('\n').slice(1).join(' ').replaceAll('// ', ' '),
  )
  return { program, printed }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  // In the project, so that its packages are found.
  const { program } = readPage(process.argv[2])
  try {
    await import(`data:text/javascript,${encodeURIComponent(resolved(program))}`)
  } catch (error) {
    process.stderr.write(`${process.argv[2]}: ${error.message}\n`)
    process.exitCode = 1
  }
}

/** The program with its imports as file addresses: a data: address has no folder to look from. */
function resolved(program) {
  return program.replaceAll(/from '(@volant\/[^']+)'/g, (_, name) => `from '${import.meta.resolve(name)}'`)
}
