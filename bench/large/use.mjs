// One process that loads the model in 4 bits and takes a LoRA step (`tune`) or writes with the adapter (`generate`); its last line is
// one JSON document with its peak memory.
import { openDecoder, TextWriter, tuneDecoder } from '@volant/models'

const [what, folder, adapter] = process.argv.slice(2)
const threads = Number(process.env.THREADS)
const seconds = (from) => Number(((performance.now() - from) / 1000).toFixed(1))
const decoder = await openDecoder(folder)
const started = performance.now()
const figures = {}

if (what === 'tune') {
  // The template writes 18 bytes round what is said: 128 tokens.
  const messages = [
    { role: 'user', content: 'q'.repeat(62) },
    { role: 'assistant', content: 'a'.repeat(48) },
  ]
  let first
  const tuned = await tuneDecoder(decoder, [{ messages }], {
    quantise: '4bit',
    maxTokens: 128,
    epochs: 2,
    threads,
    onEvent: ({ type }) => {
      if (type === 'start') first = performance.now()
    },
  })
  Object.assign(figures, {
    tokens: tuned.tokens,
    load_seconds: Number(((first - started) / 1000).toFixed(1)),
    step_seconds: Number(((performance.now() - first) / 1000 / tuned.steps).toFixed(1)),
    losses: tuned.losses.map((loss) => Number(loss.toFixed(3))),
  })
  await tuned.save(adapter)
} else {
  const writer = await TextWriter.open(decoder, { quantise: '4bit', adapter, threads })
  figures.load_seconds = seconds(started)
  const writing = performance.now()
  const length = 16
  const stream = writer.generator.stream([5, 6, 7], { length, temperature: 0 })
  let tokens = 0
  for await (const _ of stream) tokens++
  figures.tokens_per_second = Number(((1000 * tokens) / (performance.now() - writing)).toFixed(1))
  await writer.release()
}
// In kB on all systems.
console.log(JSON.stringify({ ...figures, peak_gb: Number((process.resourceUsage().maxRSS / 1e6).toFixed(2)) }))
process.exit(0)
