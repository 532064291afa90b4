// npm run example -- <name> [--data ../shared/data] [--minutes n]: trains one of the networks and says its figures.
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const names = readdirSync(here)
  .filter((file) => file.endsWith('.example.js'))
  .map((file) => file.replace('.example.js', ''))
const [name] = process.argv.slice(2)
if (name && names.includes(name)) await import(new URL(`${name}.example.js`, import.meta.url).href)
else {
  process.stderr.write(`npm run example -- NAME [--data FOLDER]; NAME is one of ${names.join(', ')}\n`)
  process.exitCode = name ? 2 : 0
}
