import { openTable } from '@volant/data'
import { loadModel } from '@volant/fields'
import { command } from '../command.js'
import { metricsTable } from '../terminal/report.js'

export const evaluate = command({
  name: 'evaluate',
  summary: 'Measure a model on rows whose answers are known',
  arguments: [
    { name: 'model', description: 'model folder', required: true },
    { name: 'data', description: 'CSV, TSV, JSONL or Parquet file with the output columns', required: true },
  ],
  options: ['json'],
  examples: [['volant evaluate model later.csv', 'every metric with its 95 % interval']],
  async run([folder, data], { json }, terminal) {
    const source = await openTable(data!, { signal: terminal.signal })
    const model = await loadModel(folder!, { worker: false })
    try {
      const report = await model.evaluate(source)
      if (json) return terminal.print(JSON.stringify(report))
      const blocks = Object.entries(report.metrics).map(
        ([output, metrics]) => `${output}\n${metricsTable(metrics, report.intervals[output])}`,
      )
      terminal.print([`${report.rows.toLocaleString('en-US')} rows`, ...blocks].join('\n\n'))
    } finally {
      await Promise.all([source.close(), model.close()])
    }
  },
})
