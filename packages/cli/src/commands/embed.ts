import { nearest, type TextEmbedder } from '@volant/models'
import { command } from '../command.js'
import { embedWith, openEmbedder } from '../embeddings/open.js'
import { readTexts } from '../embeddings/texts.js'
import { checkVectorFile, type Embedded, jsonLine, writeVectors } from '../embeddings/write.js'
import type { OptionValues } from '../options.js'
import { checkFree } from '../out.js'
import { partProgress } from '../terminal/part-progress.js'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

/** Texts whose vectors are in memory before they are written. */
const TEXTS_AT_ONCE = 4096

const options = ['base', 'adapter', 'inputs', 'out', 'force', 'search', 'top', 'quantise', 'threads', 'json'] as const
type EmbedOptions = OptionValues<(typeof options)[number]>

export const embed = command({
  name: 'embed',
  summary: 'Turn texts into vectors, or find the texts nearest to a query',
  arguments: [{ name: 'data', description: 'data file, or - for texts on stdin, one a line', required: true }],
  options,
  examples: [
    ['volant embed faq.csv --base minilm --inputs question --out vectors.npy', 'a row for each text, for NumPy'],
    ['volant embed faq.csv --base org/name --inputs question --out vectors.jsonl', 'id, text and vector a line'],
    [
      'volant embed faq.csv --base minilm --adapter model/adapter --inputs question',
      'as volant train --tune lora left it',
    ],
    ['echo "Where is my card?" | volant embed - --base minilm', 'JSON lines on stdout'],
    ['volant embed faq.csv --base minilm --inputs question --search "lost card" --top 5', 'the nearest texts'],
  ],
  async run([data], given, terminal) {
    checkUsage(given)
    const embedder = await openEmbedder(given, terminal)
    try {
      const texts = await readTexts(data!, given.inputs, terminal)
      if (given.search === undefined) await write(embedder, texts, given, terminal)
      else await search(embedder, texts, given, terminal)
    } finally {
      await embedder.release()
    }
  },
})

function checkUsage({ out, search, top, force }: EmbedOptions): void {
  if (search !== undefined && out !== undefined) throw new Usage('--search prints what it finds: leave out --out')
  if (search === undefined && top !== undefined) throw new Usage('--top needs --search')
  if (out === undefined) return
  checkVectorFile(out)
  checkFree(out, force)
}

async function write(
  embedder: TextEmbedder,
  texts: readonly string[],
  { out, json }: EmbedOptions,
  terminal: Terminal,
): Promise<void> {
  const begun = performance.now()
  let tokens = 0
  const counted = async function* () {
    for await (const part of embedParts(embedder, texts, terminal)) {
      tokens += part.tokens
      yield part.rows
    }
  }
  if (out === undefined) {
    for await (const part of counted()) terminal.print(part.map(jsonLine).join('\n'))
    return
  }
  await writeVectors(out, [texts.length, embedder.width], counted())
  const seconds = (performance.now() - begun) / 1000
  const report = { out, texts: texts.length, width: embedder.width, tokens, seconds: Number(seconds.toFixed(3)) }
  if (json) return terminal.print(JSON.stringify(report))
  const rate = Math.round(texts.length / seconds).toLocaleString('en-US')
  terminal.print(
    `${texts.length.toLocaleString('en-US')} texts as vectors of ${embedder.width} (${rate} a second): ${out}`,
  )
}

/** The vectors of texts, part by part in their order. */
async function* embedParts(
  embedder: TextEmbedder,
  texts: readonly string[],
  terminal: Terminal,
): AsyncGenerator<{ rows: Embedded[]; tokens: number }> {
  const progress = partProgress(terminal)
  try {
    for (let from = 0; from < texts.length; from += TEXTS_AT_ONCE) {
      const some = texts.slice(from, from + TEXTS_AT_ONCE)
      const { vectors, tokens } = await embedder.embed(some, {
        signal: terminal.signal,
        onProgress: (done) => progress.show((from + done) / texts.length, `${from + done} of ${texts.length} texts`),
      })
      progress.end()
      yield { rows: vectors.map((vector, row) => ({ id: from + row, text: some[row]!, vector })), tokens }
    }
  } finally {
    progress.end()
  }
}

async function search(
  embedder: TextEmbedder,
  texts: readonly string[],
  { search, top = 5, json }: EmbedOptions,
  terminal: Terminal,
): Promise<void> {
  const progress = partProgress(terminal)
  try {
    const onProgress = (done: number, all: number) => progress.show(done / all, `${done} of ${all} texts`)
    const [query, ...vectors] = await embedWith(embedder, { signal: terminal.signal, onProgress })([search!, ...texts])
    progress.end()
    const found = nearest(query!, vectors, top).map(({ row, similarity }) => ({
      id: row,
      similarity: Number(similarity.toFixed(4)),
      text: texts[row]!,
    }))
    if (json) return terminal.print(found.map((one) => JSON.stringify(one)).join('\n'))
    terminal.print(found.map(({ similarity, text }) => `${similarity.toFixed(4)}  ${text}`).join('\n'))
  } finally {
    progress.end()
  }
}
