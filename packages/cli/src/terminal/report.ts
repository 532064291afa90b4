import type { TrainReport } from '@volant/fields'
import { timeText } from './chart.js'
import { table } from './table.js'

type Metrics = Partial<Record<string, number>>
type Intervals = Partial<Record<string, readonly [number, number]>>

/** A number with as many digits as its size deserves. */
function figure(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return '-'
  const size = Math.abs(value)
  return size >= 1000 ? Math.round(value).toLocaleString('en-US') : value.toFixed(size >= 100 ? 1 : size >= 10 ? 2 : 4)
}

/** `0.9012 [0.8901, 0.9117]` */
function withInterval(value: number | undefined, interval: readonly [number, number] | undefined): string {
  return interval ? `${figure(value)} [${figure(interval[0])}, ${figure(interval[1])}]` : figure(value)
}

/** The table of one output's metrics, with 95 % intervals. */
export function metricsTable(metrics: Metrics, intervals: Intervals | undefined): string {
  const rows = Object.entries(metrics).map(([name, value]) => [name, withInterval(value, intervals?.[name])])
  return table(['metric', 'value [95 % interval]'], rows)
}

/** What a person reads after a training: what was chosen and why, the metrics beside their baselines. */
export function trainSummary(report: TrainReport, classesOf: (output: string) => string): string {
  const part = report.metrics.test ? 'test' : 'valid'
  const blocks: string[] = []
  const { train, valid, test } = report.split
  const rows = (n: number) => n.toLocaleString('en-US')
  blocks.push(
    `Trained in ${timeText(report.seconds)} on ${rows(train)} rows (validation ${rows(valid)}, test ${rows(test)}); ${rows(report.parameters)} parameters.`,
  )
  if (report.chosen.length) {
    blocks.push(['Chosen:', ...report.chosen.map(({ candidate, reason }) => `  ${candidate}: ${reason}`)].join('\n'))
  }
  for (const [output, metrics] of Object.entries(report.metrics[part] ?? {})) {
    const majority: Metrics | undefined = report.baselines.majority[part]?.[output]
    const linear: Metrics | undefined = report.baselines.linear[part]?.[output]
    const intervals: Intervals | undefined = report.intervals[part]?.[output]
    const lines = Object.entries(metrics).map(([name, value]) => [
      name,
      withInterval(value, intervals?.[name]),
      figure(majority?.[name]),
      figure(linear?.[name]),
    ])
    const title = `${output}${classesOf(output)}, ${part === 'test' ? 'test' : 'validation'} rows`
    blocks.push(`${title}\n${table(['metric', 'this model [95 % interval]', 'majority', 'linear'], lines)}`)
  }
  for (const { path, rows: count, first } of report.rejected) {
    const were = count === 1 ? 'row was' : 'rows were'
    blocks.push(`${rows(count)} ${were} left out of ${path}: malformed (first: line ${first.line}, ${first.reason}).`)
  }
  blocks.push(`Model folder: ${report.model}\nNext: volant predict ${report.model} <data>`)
  return blocks.join('\n\n')
}
