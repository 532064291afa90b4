import type { VectorReport } from '@volant/fields'
import type { LabelledTexts, ScoredPairs } from '@volant/models'
import { command } from '../command.js'
import { checkExamples, readExamples } from '../embeddings/examples.js'
import { measureLabelled, measurePairs, measureScored } from '../embeddings/measure.js'
import { type Embed, embedWith, openEmbedder } from '../embeddings/open.js'
import { asText, withTable } from '../embeddings/texts.js'
import type { OptionValues } from '../options.js'
import { partProgress } from '../terminal/part-progress.js'
import { metricsTable } from '../terminal/report.js'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

const options = [
  'base',
  'adapter',
  'inputs',
  'outputs',
  'score',
  'where',
  'among',
  'valid',
  'quantise',
  'threads',
  'json',
] as const
type EvaluateOptions = OptionValues<(typeof options)[number]>

export const embedEvaluate = command({
  name: 'embed-evaluate',
  summary: 'Measure how well the vectors of a model find and compare texts',
  arguments: [{ name: 'data', description: 'data file', required: true }],
  options,
  examples: [
    [
      'volant embed-evaluate faq.csv --base minilm --inputs question,answer --where split=test',
      'finds the answers of these queries among all answers of the file: MRR, hit@k, nDCG',
    ],
    [
      'volant embed-evaluate test.csv --base minilm --inputs text --outputs label --among train.csv',
      'finds texts of the same label',
    ],
    [
      'volant embed-evaluate test.jsonl --base org/name --inputs a,b --score label --valid valid.jsonl',
      'correlation with scores; of two values ROC AUC and accuracy',
    ],
  ],
  async run([data], given, terminal) {
    checkExamples(given, false)
    if ((given.outputs !== undefined) !== (given.among !== undefined))
      throw new Usage('--outputs and --among go together: texts of the same label are found among labelled rows')
    if (given.valid !== undefined && given.score === undefined) throw new Usage('--valid needs --score')
    const embedder = await openEmbedder(given, terminal)
    const progress = partProgress(terminal)
    try {
      const onProgress = (done: number, all: number) => progress.show(done / all, `${done} of ${all} texts`)
      const embed = embedWith(embedder, { signal: terminal.signal, onProgress })
      const report = await measure(data!, given, terminal, embed)
      progress.end()
      if (given.json) return terminal.print(JSON.stringify(report))
      terminal.print(`${report.rows.toLocaleString('en-US')} rows\n\n${metricsTable(report.metrics, report.intervals)}`)
    } finally {
      progress.end()
      await embedder.release()
    }
  },
})

async function measure(data: string, given: EvaluateOptions, terminal: Terminal, embed: Embed): Promise<VectorReport> {
  const examples = await readExamples(data, given, terminal)
  const whole = { ...given, where: undefined }
  if (examples.kind === 'pairs') {
    const all = await withTable(data, terminal, (table) => table.column(given.inputs![1]!))
    return measurePairs(embed, examples, all.map(asText))
  }
  if (examples.kind === 'labelled')
    return measureLabelled(embed, examples, (await readExamples(given.among!, whole, terminal)) as LabelledTexts)
  const valid = given.valid && ((await readExamples(given.valid, whole, terminal)) as ScoredPairs)
  return measureScored(embed, examples, valid || undefined)
}
