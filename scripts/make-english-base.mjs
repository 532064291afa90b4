// Makes packages/models/bases/english again: `node scripts/make-english-base.mjs <teacher> [texts folder]`, about ten minutes.
// The teacher is sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0), as a folder or by its name on the hub. The texts are openly
// licensed ones of the datasets beside the project; none of them is kept in the base.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('..', import.meta.url))
const [teacher, data = path.join(root, '../shared/data')] = process.argv.slice(2)
if (!teacher || !existsSync(data)) {
  console.error(
    teacher
      ? `The texts are taken from ${data}, which is not there.`
      : 'Usage: node scripts/make-english-base.mjs <teacher> [datasets]',
  )
  process.exit(2)
}

/** Files and their columns: banking77, hwu64, sms_spam and tatoeba (CC BY), spam_assassin (PDDL). */
const sources = [
  ['banking77/train.csv', 'text'],
  ['hwu64/train.csv', 'text'],
  ['sms_spam/train.csv', 'text'],
  ['tatoeba_en_zh/train.jsonl.gz', 'en'],
  ['spam_assassin/train.jsonl.gz', 'text'],
]

const { readTexts } = await import(new URL('../packages/data/dist/index.js', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'volant-english-'))
try {
  const lines = []
  for (const [file, column] of sources)
    for await (const text of readTexts(path.join(data, file), { column })) lines.push(bodyOf(text))
  const texts = path.join(folder, 'texts.txt')
  writeFileSync(texts, lines.join('\n'))
  const out = path.join(root, 'packages/models/bases/english')
  const { status } = spawnSync(
    process.execPath,
    [
      path.join(root, 'packages/cli/bin/volant.js'),
      ...['distil', texts, '--teacher', teacher, '--vocabulary', '12000', '--quantise', 'int8'],
      ...['--most-texts', '40000', '--seed', '42', '--force', '--out', out],
    ],
    { stdio: 'inherit' },
  )
  process.exitCode = status ?? 1
} finally {
  rmSync(folder, { recursive: true, force: true })
}

/** E-mails without their headers, and no more than the begin of long ones: the rest is attachments and signatures. */
function bodyOf(text) {
  const body = /^[\w-]+: /.test(text) ? text.slice(text.indexOf('\n\n') + 1) : text
  return body.slice(0, 2000)
}
