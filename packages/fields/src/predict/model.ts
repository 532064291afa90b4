import { type Row, type Table, VolantError } from '@volant/data'
import { openSession, type Session } from '@volant/nn'
import type { Signature } from '../folder/format.js'
import { type ReadModel, readFolder } from '../folder/read.js'
import { confusionMatrix } from '../metrics/index.js'
import type { Spec } from '../spec/schema.js'
import { type Dataset, readDataset } from '../train/dataset.js'
import {
  type ByOutput,
  type Intervals,
  intervalsOf,
  type Metrics,
  measureOutputs,
  outcomesOf,
} from '../train/measure.js'
import { type FittedOutput, restoreOutputs } from '../train/outputs.js'
import type { TrainReport } from '../train/report.js'
import { answerRows } from './answer.js'
import { type Prediction, predictionOf } from './prediction.js'
import { readRows } from './rows.js'
import { type RowScores, scoresOf } from './score.js'

export interface LoadOptions {
  /** Threads of the session; default 1. */
  threads?: number
  /** Run in a worker thread, so that the event loop stays free; default true. */
  worker?: boolean
}

/** What `volant evaluate --json` prints, and the confusion matrices. */
export interface EvaluateReport {
  rows: number
  metrics: ByOutput<Metrics>
  /** 95 % bootstrap intervals. */
  intervals: ByOutput<Intervals>
  /** Rows per [true class][answered class]; absent for numbers. */
  confusion: ByOutput<{ labels: string[]; counts: number[][] }>
  notes: string[]
}

/** A trained model, ready to answer. */
export interface TrainedModel {
  readonly folder: string
  readonly id: string
  /** Version of the folder's format. */
  readonly version: number
  readonly spec: Spec
  readonly signature: Signature
  /** README.md: what it is, how good, its limits. */
  readonly card: string
  readonly report: TrainReport
  readonly lineage: Record<string, unknown>
  /** Answers in the order of the rows; a bad row has its error in its place. */
  predict(rows: readonly Row[]): Promise<Prediction[]>
  predict(row: Row): Promise<Prediction>
  evaluate(table: Table): Promise<EvaluateReport>
  /** Predictions beside the labels of the rows, for comparing models in pairs. */
  scoreRows(rows: readonly Row[]): Promise<RowScores>
  close(): Promise<void>
}

/** Loads a model folder. Throws `model-not-found`, `bad-model` or `model-version`. */
export async function loadModel(folder: string, options: LoadOptions = {}): Promise<TrainedModel> {
  const model = await readFolder(folder)
  const session = await openSession(model.onnx, { threads: options.threads ?? 1, worker: options.worker ?? true })
  return new LoadedModel(model, session)
}

class LoadedModel implements TrainedModel {
  readonly folder: string
  readonly id: string
  readonly version: number
  readonly spec: Spec
  readonly signature: Signature
  readonly card: string
  readonly report: TrainReport
  readonly lineage: Record<string, unknown>
  readonly outputs: readonly FittedOutput[]

  constructor(
    private readonly model: ReadModel,
    private readonly session: Session,
  ) {
    const { file } = model
    this.folder = model.folder
    this.id = file.id
    this.version = file.version
    this.spec = file.spec
    this.signature = file.signature
    this.card = model.card
    this.report = file.report
    this.lineage = file.lineage
    this.outputs = restoreOutputs(file.spec, file.outputs)
  }

  predict(rows: readonly Row[]): Promise<Prediction[]>
  predict(row: Row): Promise<Prediction>
  async predict(given: Row | readonly Row[]): Promise<Prediction | Prediction[]> {
    if (!Array.isArray(given)) return (await this.predict([given as Row]))[0]!
    const rows = given as readonly Row[]
    const { inputs, places, errors } = readRows(this.spec, rows)
    const answers = await this.answers(inputs, places.length)
    const predictions = new Array<Prediction>(rows.length)
    places.forEach((place, row) => {
      predictions[place] = Object.fromEntries(
        this.outputs.map((output) => [output.name, predictionOf(output, answers[output.name]!, row)]),
      )
    })
    for (const error of errors) predictions[error.row] = { error }
    return predictions
  }

  async evaluate(table: Table): Promise<EvaluateReport> {
    const notes: string[] = []
    const data = await readDataset(table, this.spec, (note) => notes.push(note))
    if (Object.values(data.labels).every((labels) => labels.every((label) => label === null))) {
      const names = this.outputs.map(({ name }) => `"${name}"`).join(' or ')
      throw new VolantError('empty-column', `"${table.path}" has no label in ${names}: there is nothing to measure.`, {
        path: table.path,
      })
    }
    const answers = await this.answersTo(data)
    const confusion: EvaluateReport['confusion'] = {}
    for (const output of this.outputs) {
      const outcomes = outcomesOf(output, data, answers[output.name]!)
      if (outcomes?.kind !== 'classes') continue
      confusion[output.name] = { labels: [...output.state.classes!], counts: confusionMatrix(outcomes) }
    }
    return {
      rows: data.rows,
      metrics: measureOutputs(this.outputs, data, answers),
      intervals: intervalsOf(this.outputs, data, answers, this.spec.train.seed),
      confusion,
      notes,
    }
  }

  async scoreRows(rows: readonly Row[]): Promise<RowScores> {
    return scoresOf(this.outputs, rows, await this.predict(rows))
  }

  /** Answers [rows, width] by output to rows that were read already. */
  answersTo(data: Dataset, onProgress?: (fraction: number) => void): Promise<Record<string, Float64Array>> {
    return this.answers(data.inputs, data.rows, onProgress)
  }

  close(): Promise<void> {
    return this.session.release()
  }

  private answers(inputs: Dataset['inputs'], rows: number, onProgress?: (fraction: number) => void) {
    return answerRows(this.session, this.model.encoders, this.outputs, inputs, rows, onProgress)
  }
}
