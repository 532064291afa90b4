/** The child process of a run: trains on a dataset version without its test rows, and measures the result on them. */
import { writeFile } from 'node:fs/promises'
import { isMissing, type Row, tableFromRows } from '@volant/data'
import { inferSpec, loadModel, parseSpec, type Spec, type TrainEvent, train } from '@volant/fields'
import { type DataRow, inputsKey, type VersionPlace, VersionRows } from '../collect/index.js'
import { measureScores, scoresOf } from '../evaluate/index.js'
import { childMain } from '../jobs/index.js'
import { formOf } from './form.js'
import type { Trained, Training } from './training.js'

childMain<Training>(async (training, { progress, signal }) => {
  const test = await rowsOf(training.test)
  const data = await rowsOf(training.dataset)
  const { spec, notes } = await specFor(
    training,
    data.map((row) => row.values),
  )
  const inputs = Object.keys(spec.inputs)
  const outputs = Object.keys(spec.outputs)
  const testKeys = new Set(test.map((row) => inputsKey(row.values, inputs)))
  const labelled = data.filter(({ values }) => outputs.some((output) => !isMissing(values[output])))
  const kept = labelled.filter(({ values }) => !testKeys.has(inputsKey(values, inputs)))
  const testRows = test.map((row) => row.values).filter((row) => outputs.some((output) => !isMissing(row[output])))
  const report = await train({
    data: tableFromRows(
      kept.map((row) => row.values),
      'the dataset version',
    ),
    test: tableFromRows(testRows, 'the test set'),
    spec,
    out: training.out,
    threads: training.threads,
    lineage: training.lineage,
    baseFolders: false,
    signal,
    onEvent: (event) => progress(reportOf(event)),
  })
  progress({ stage: 'evaluate', share: 0.99, log: 'measuring on the frozen test set' })
  const model = await loadModel(training.out, { threads: training.threads, worker: false })
  const scores = scoresOf(await model.scoreRows(testRows), testRows.length, spec, report.positive)
  await model.close()
  await writeFile(training.scores, JSON.stringify(scores))
  const { metrics, intervals, baselines, chosen, seconds, parameters, positive } = report
  return {
    spec: report.spec,
    scored: measureScores(scores),
    report: {
      metrics,
      intervals,
      baselines,
      chosen,
      seconds,
      parameters,
      positive,
      notes: [...notes, ...report.notes],
      fields: formOf(spec, model.signature, positive),
    },
    trainedOn: {
      rows: kept.length,
      labelled: Object.fromEntries(
        outputs.map((name) => [name, kept.filter(({ values }) => !isMissing(values[name])).length]),
      ),
      feedback: kept.filter(({ origin }) => origin.source === 'feedback').length,
      keptOut: labelled.length - kept.length,
    },
  } satisfies Trained
})

async function rowsOf(place: VersionPlace): Promise<DataRow[]> {
  const version = await VersionRows.open(place)
  const rows: DataRow[] = []
  for await (const row of version.read()) rows.push(row)
  await version.close()
  return rows
}

/** The spec as it was described, completed; inputs that nobody named are inferred from the rows. */
async function specFor(
  { spec, inputs, outputs, settings }: Training,
  rows: Row[],
): Promise<{ spec: Spec; notes: string[] }> {
  if (spec?.inputs) {
    const described = spec as { train?: object }
    return { spec: parseSpec({ ...spec, train: { ...described.train, ...settings } }), notes: [] }
  }
  const inferred = await inferSpec(tableFromRows(rows, 'the dataset version'), { inputs, outputs })
  const described = (spec ?? {}) as { outputs?: Record<string, unknown>; train?: object }
  const whole = {
    ...inferred.spec,
    outputs: { ...inferred.spec.outputs, ...described.outputs },
    train: { ...inferred.spec.train, ...described.train, ...settings },
  }
  return { spec: parseSpec(whole), notes: inferred.notes }
}

function reportOf(event: TrainEvent) {
  if (event.kind === 'note') return { log: event.message }
  if (event.kind === 'metric')
    return { log: `${event.candidate} epoch ${event.epoch}: ${event.output} ${event.metric} ${event.value.toFixed(4)}` }
  const progress = { stage: event.phase, share: event.fraction * 0.98, secondsLeft: event.secondsLeft }
  return event.kind === 'phase' ? { ...progress, log: event.message } : progress
}
