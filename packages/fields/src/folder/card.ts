import { perClass, reliability, topConfusions } from '../metrics/index.js'
import { type Answers, outcomesOf } from '../train/measure.js'
import type { FittedOutput } from '../train/outputs.js'
import type { Parts } from '../train/parts.js'
import type { TrainReport } from '../train/report.js'

/** README.md of a model folder: what it is, its data, how good it is and where not, in Markdown. */
export function modelCard(
  report: TrainReport,
  outputs: readonly FittedOutput[],
  parts: Parts,
  answers: { valid: Answers | null; test: Answers | null },
  lineage: Record<string, unknown>,
): string {
  const part = answers.test && parts.test ? 'test' : 'valid'
  const data = part === 'test' ? parts.test : parts.valid
  const given = answers[part]
  const sections = [
    `# Model ${report.id}`,
    what(report),
    dataSection(report, lineage),
    howItWasChosen(report),
    figures(report),
    ...(data && given
      ? outputs.map((output) => classTable(output, outcomesOf(output, data, given[output.name]!), part))
      : []),
    limits(report),
    use(report, outputs),
  ]
  return `${sections.filter((section) => section !== '').join('\n\n')}\n`
}

function what({ spec, task, parameters }: TrainReport): string {
  const list = (fields: Record<string, { type: string }>) =>
    Object.entries(fields)
      .map(([name, { type }]) => `\`${name}\` (${type})`)
      .join(', ')
  return `Predicts ${list(spec.outputs)} from ${list(spec.inputs)}. Task: ${task}; ${parameters.toLocaleString('en')} parameters.`
}

function dataSection({ split, notes }: TrainReport, lineage: Record<string, unknown>): string {
  const lines = [
    '## Data',
    '',
    `${split.train} rows to train, ${split.valid} to choose (valid), ${split.test} to test${split.ratios ? `, split ${split.ratios.join(' / ')}, stratified` : ''}.`,
    `Rows equal to another in the data file: ${split.duplicatesTogether} (kept on one side). Rows of given files that also occur in training: valid ${split.overlap.valid}, test ${split.overlap.test}.`,
    ...Object.entries(lineage).map(
      ([name, value]) => `- ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`,
    ),
    ...(notes.length > 0 ? ['', ...notes.map((note) => `- ${note}`)] : []),
  ]
  return lines.join('\n')
}

function howItWasChosen({ chosen, spec, base }: TrainReport): string {
  const lines = chosen.map(({ candidate, reason }) => `- **${candidate}** – ${reason}`)
  const refit = spec.train.refit
    ? 'The choice was trained again on train + valid.'
    : 'The choice was not trained again.'
  return ['## How it was chosen', '', ...lines, '', `${start(base)}${refit} Seed ${spec.train.seed}.`].join('\n')
}

function start(base: TrainReport['base']): string {
  if (!base) return ''
  const licence = base.licence
    ? `whose licence (${base.licence}) holds for this one too`
    : 'whose folder states no licence: find it out before you give this model away'
  return `Texts are read by the pretrained model \`${base.name}\` (sha256 of its weights: ${base.sha256}), ${licence}. `
}

function figures({ metrics, intervals, baselines, positive }: TrainReport): string {
  const lines = [
    '## Figures',
    '',
    '95 % bootstrap intervals in brackets. Majority = always the most frequent answer; linear = the linear baseline.',
  ]
  for (const part of ['test', 'valid'] as const) {
    for (const [output, values] of Object.entries(metrics[part] ?? {})) {
      const about = positive[output] === undefined ? '' : `, positive class \`${positive[output]}\``
      lines.push(
        '',
        `### \`${output}\` on ${part}${about}`,
        '',
        '| metric | model | linear | majority |',
        '| --- | --- | --- | --- |',
      )
      for (const [metric, value] of Object.entries(values)) {
        const interval = intervals[part]?.[output]?.[metric]
        const range = interval ? ` [${round(interval[0])}, ${round(interval[1])}]` : ''
        const beside = (of: TrainReport['baselines']['linear']) =>
          round(of[part]?.[output]?.[metric as keyof typeof values])
        lines.push(
          `| ${metric} | ${round(value)}${range} | ${beside(baselines.linear)} | ${beside(baselines.majority)} |`,
        )
      }
    }
  }
  return lines.join('\n')
}

const mostClasses = 200

function classTable(output: FittedOutput, outcomes: ReturnType<typeof outcomesOf>, part: string): string {
  if (outcomes?.kind !== 'classes') return ''
  const { classes } = output.state
  const name = (place: number) => classes![place]!.replaceAll('|', '\\|')
  const rows = perClass(outcomes).slice(0, mostClasses)
  const lines = [
    `### Classes of \`${output.name}\` on ${part}`,
    '',
    '| class | rows | precision | recall | F1 |',
    '| --- | --- | --- | --- | --- |',
    ...rows.map(
      (row) =>
        `| ${name(row.class)} | ${row.rows} | ${round(row.precision)} | ${round(row.recall)} | ${round(row.f1)} |`,
    ),
  ]
  const confusions = topConfusions(outcomes, 10)
  if (confusions.length > 0) {
    lines.push('', 'Most frequent mistakes:', '')
    for (const { label, predicted, rows: count } of confusions)
      lines.push(`- ${name(label)} taken for ${name(predicted)}: ${count}`)
  }
  lines.push(
    '',
    `### Calibration of \`${output.name}\` on ${part}`,
    '',
    '| confidence | rows | right |',
    '| --- | --- | --- |',
  )
  for (const bin of reliability(outcomes, 10)) {
    if (bin.rows > 0)
      lines.push(
        `| ${round(bin.from)} – ${round(bin.to)} (mean ${round(bin.confidence)}) | ${bin.rows} | ${round(bin.accuracy)} |`,
      )
  }
  return lines.join('\n')
}

function limits({ split, metrics, spec }: TrainReport): string {
  const lines = [
    '## Limits',
    '',
    '- It knows only what its training rows show: other languages, subjects, times or sources may be answered with undue confidence.',
    '- It always names one of its classes; it has no answer for what is none of them.',
    ...(split.test > 0 && split.test < 200
      ? [`- Measured on ${split.test} test rows only: read the intervals, not the figures.`]
      : []),
    ...(metrics.test ? [] : ['- Not measured on test rows.']),
    ...(Object.values(spec.inputs).some(({ type }) => type === 'text')
      ? ['- Texts are matched by their words and characters; words never seen in training say nothing.']
      : []),
    '- Not checked for fairness between groups of people.',
  ]
  return lines.join('\n')
}

function use({ spec }: TrainReport, outputs: readonly FittedOutput[]): string {
  const row = JSON.stringify(
    Object.fromEntries(Object.entries(spec.inputs).map(([name, { type }]) => [name, sample[type]])),
  )
  return [
    '## Use',
    '',
    '```sh',
    `echo '${row}' | npx volant predict <this folder> -`,
    '```',
    '',
    `\`model.onnx\` runs on any ONNX Runtime; \`model.json\` holds its signature, \`examples.json\` rows with their tensors and results (outputs: ${outputs.map(({ name }) => name).join(', ')}).`,
  ].join('\n')
}

const sample: Record<string, unknown> = { text: 'a text', category: 'a value', number: 1, boolean: true }

function round(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return '–'
  return Math.abs(value) >= 1000
    ? value.toFixed(0)
    : value
        .toPrecision(4)
        .replace(/(\.\d*?)0+$/, '$1')
        .replace(/\.$/, '')
}
