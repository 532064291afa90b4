// npm run bench:tokenisers [-- --data ../shared/data --size 8000]
// Tokenisers trained on 20,000 lines, English and Chinese, and these lines encoded, beside Python's tokenizers on the same
// lines with the same settings. The last line is one JSON document.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { trainTokeniser } from '@volant/models'
import { option, python } from '../contest/alternate.mjs'

const data = option('data', '../shared/data')
const size = Number(option('size', 8000))
const linesOf = (file) =>
  gunzipSync(readFileSync(`${data}/${file}`))
    .toString()
    .split('\n')
    .filter(Boolean)
const english = linesOf('tinyshakespeare/input.txt.gz').slice(0, 10_000)
const chinese = linesOf('chinese_poems/songci_train.jsonl.gz').slice(0, 10_000)
const lines = [...english, ...chinese.map((line) => Object.values(JSON.parse(line)).flat().join(''))]
const kinds = ['bpe', 'wordpiece', 'unigram']

/** Python's figures by kind, or nothing where its library is absent. */
function theirs() {
  const script = fileURLToPath(new URL('../../packages/models/test/train_tokenisers.py', import.meta.url))
  const input = JSON.stringify({ lines, size, kinds })
  const { status, stdout } = spawnSync(python, [script], { input, encoding: 'utf8', maxBuffer: 1 << 30 })
  if (status === 0) return JSON.parse(stdout)
  process.stderr.write('python is left out: pip install tokenizers; name the interpreter in VOLANT_BENCH_PYTHON\n')
  return {}
}

const peer = theirs()
const rounded = (number) => (number === undefined ? null : Number(number.toFixed(2)))
const figures = {}
for (const kind of kinds) {
  const start = performance.now()
  const tokeniser = await trainTokeniser(lines, { kind, vocabularySize: size, lowerCase: kind === 'wordpiece' })
  const trained = performance.now()
  const encodings = tokeniser.encodeBatch(lines, { special: false })
  const encoded = performance.now()
  figures[kind] = {
    train_s: rounded((trained - start) / 1000),
    python_train_s: rounded(peer[kind]?.seconds.train),
    encode_s: rounded((encoded - trained) / 1000),
    python_encode_s: rounded(peer[kind]?.seconds.encode),
    tokens: encodings.reduce((sum, { ids }) => sum + ids.length, 0),
    python_tokens: peer[kind]?.tokens ?? null,
  }
  process.stderr.write(`${kind} ${JSON.stringify(figures[kind])}\n`)
}
console.log(JSON.stringify({ lines: lines.length, vocabulary: size, ...figures }))
