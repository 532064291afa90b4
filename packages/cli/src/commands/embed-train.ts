import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import type { VectorReport } from '@volant/fields'
import { type PretrainedEncoder, TextEmbedder, tuneEncoder, writeEncoder } from '@volant/models'
import { command } from '../command.js'
import { checkExamples, readExamples } from '../embeddings/examples.js'
import { holdOut } from '../embeddings/held-out.js'
import { measureLabelled, measurePairs, measureScored } from '../embeddings/measure.js'
import { embedWith, openBase } from '../embeddings/open.js'
import { checkFolder, stopped, unfinishedOf } from '../out.js'
import { timeText } from '../terminal/chart.js'
import { partProgress } from '../terminal/part-progress.js'
import { table } from '../terminal/table.js'
import { Usage } from '../usage.js'

export const embedTrain = command({
  name: 'embed-train',
  summary: 'Tune a model so that its vectors find and compare your texts better',
  arguments: [{ name: 'data', description: 'data file', required: true }],
  options: [
    'base',
    'inputs',
    'outputs',
    'score',
    'where',
    'epochs',
    'learningRate',
    'batchSize',
    'seed',
    'threads',
    'out',
    'force',
    'json',
  ],
  examples: [
    [
      'volant embed-train faq.csv --base minilm --inputs question,answer --out tuned',
      'pairs; a third column holds texts that are not to be found',
    ],
    ['volant embed-train tickets.csv --base minilm --inputs text --outputs label --out tuned', 'labelled texts'],
    ['volant embed-train pairs.csv --base org/name --inputs a,b --score score --out tuned', 'scored pairs'],
  ],
  async run([data], given, terminal) {
    const { out, seed = 42, threads = availableParallelism(), epochs, learningRate, batchSize } = given
    if (out === undefined) throw new Usage('embed-train needs --out: the folder to write the model to')
    checkExamples(given, true)
    await checkFolder(out, given.force)
    const base = await openBase(given.base, terminal)
    const { learnt, held } = holdOut(await readExamples(data!, given, terminal), seed)
    const { signal } = terminal
    const state = unfinishedOf(out)
    const progress = partProgress(terminal)
    const measured = (encoder: PretrainedEncoder, what: string) =>
      withVectors(encoder, threads, async (embedder) => {
        const embed = embedWith(embedder, { signal, onProgress: (done, all) => progress.show(done / all, what) })
        if (held.kind === 'pairs') return measurePairs(embed, held, learnt.kind === 'pairs' ? learnt.answers : [])
        if (held.kind === 'scored') return measureScored(embed, held)
        return measureLabelled(embed, held, learnt as typeof held)
      })
    try {
      const begun = performance.now()
      const before = await measured(base, 'measuring what is held out')
      const tuned = await tuneEncoder(base, learnt, {
        epochs,
        learningRate,
        batchSize,
        seed,
        threads,
        signal,
        checkpoint: state,
        onProgress: (step, steps, loss) =>
          progress.show(step / steps, `update ${step} of ${steps}, loss ${loss.toFixed(3)}`),
      })
      const after = await measured(tuned, 'measuring what is held out')
      await writeEncoder(out, tuned)
      await rm(state, { force: true })
      progress.end()
      const seconds = (performance.now() - begun) / 1000
      if (given.json) return terminal.print(JSON.stringify({ out, seconds, before, after }))
      terminal.print(comparison(before, after))
      terminal.print(`\nTuned in ${timeText(seconds)}. Model folder: ${out}\nNext: volant embed <data> --base ${out}`)
    } catch (error) {
      throw stopped(error, signal, 'The tuning was stopped', state)
    } finally {
      progress.end()
    }
  },
})

async function withVectors<T>(
  encoder: PretrainedEncoder,
  threads: number,
  use: (embedder: TextEmbedder) => Promise<T>,
): Promise<T> {
  const embedder = await TextEmbedder.open(encoder, { threads })
  try {
    return await use(embedder)
  } finally {
    await embedder.release()
  }
}

function comparison(before: VectorReport, after: VectorReport): string {
  const rows = Object.keys(before.metrics).map((name) => [
    name,
    before.metrics[name]!.toFixed(4),
    after.metrics[name]!.toFixed(4),
  ])
  return `${before.rows.toLocaleString('en-US')} rows held out\n${table(['metric', 'before', 'after'], rows)}`
}
