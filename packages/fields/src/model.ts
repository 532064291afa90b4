import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTable, type Row, type Table, tableFromRows, VolantError } from '@volant/data'
import { type EvaluateReport, type LoadOptions, loadModel, type TrainedModel } from './predict/model.js'
import { isPredictionError, type PredictionError } from './predict/prediction.js'
import { parseSpec } from './spec/parse.js'
import type { InputSettings, OutputSettings, Spec, SpecInput } from './spec/schema.js'
import type { TrainReport } from './train/report.js'
import { type TrainOptions, train } from './train/train.js'

/** A field that can be an input; `Value` is what a row gives for it. */
export interface InputField<Value> {
  readonly input: true
  readonly settings: { readonly type: string }
  /** Only a type: what a row gives for this field. */
  readonly value?: Value
}

/** A field that can be an output; `Answer` is what a prediction says of it. */
export interface OutputField<Answer> {
  readonly output: true
  readonly settings: { readonly type: string }
  /** Only a type: what a prediction says of this field. */
  readonly answer?: Answer
}

export interface CategoryAnswer {
  value: string
  /** Of `value`. */
  probability: number
  /** Of every class. */
  probabilities: Record<string, number>
}

export interface BooleanAnswer {
  value: boolean
  probability: number
  probabilities: Record<'true' | 'false', number>
}

export interface NumberAnswer {
  value: number
}

type SettingsOf<Settings, Type> = Partial<Omit<Extract<Settings, { type: Type }>, 'type'>>

/** Free text, in any language. */
export function text(settings: SettingsOf<InputSettings, 'text'> = {}): InputField<string> {
  return { input: true, settings: { type: 'text', ...settings } }
}

/** One of several values; as an output, one of several classes. */
export function category(
  settings: SettingsOf<InputSettings, 'category'> | SettingsOf<OutputSettings, 'category'> = {},
): InputField<string> & OutputField<CategoryAnswer> {
  return { input: true, output: true, settings: { type: 'category', ...settings } }
}

/** A number. */
export function number(
  settings: SettingsOf<InputSettings, 'number'> | SettingsOf<OutputSettings, 'number'> = {},
): InputField<number> & OutputField<NumberAnswer> {
  return { input: true, output: true, settings: { type: 'number', ...settings } }
}

/** True or false. */
export function boolean(
  settings: SettingsOf<OutputSettings, 'boolean'> = {},
): InputField<boolean> & OutputField<BooleanAnswer> {
  return { input: true, output: true, settings: { type: 'boolean', ...settings } }
}

type Inputs = Record<string, InputField<unknown>>
type Outputs = Record<string, OutputField<unknown>>

/** A row to predict for: any input may be missing. */
export type InputRow<I extends Inputs> = { [K in keyof I]?: NonNullable<I[K]['value']> | null }
/** What a prediction says, output by output. */
export type Answers<O extends Outputs> = { [K in keyof O]: NonNullable<O[K]['answer']> }

/** A table, its file (CSV, TSV, JSONL, Parquet; also .gz), or rows. */
export type Source = string | Table | readonly Row[]

export interface ModelTrainOptions
  extends NonNullable<SpecInput['train']>,
    Pick<TrainOptions, 'onEvent' | 'signal' | 'lineage' | 'threads'> {
  valid?: Source
  test?: Source
  /** The model folder; by default a new temporary one (`trained.folder` names it). */
  out?: string
}

/** A described model: `train` it from data or `load` a folder of it. */
export interface Model<I extends Inputs, O extends Outputs> {
  /** The completed description, the same as the YAML gives. */
  spec(settings?: SpecInput['train']): Spec
  train(data: Source, options?: ModelTrainOptions): Promise<Trained<I, O>>
  load(folder: string, options?: LoadOptions): Promise<Trained<I, O>>
}

/** A trained model with the types of its description. */
export interface Trained<I extends Inputs, O extends Outputs> {
  readonly folder: string
  readonly report: TrainReport
  readonly model: TrainedModel
  /** In the order of the rows; a row that cannot be read has its error in its place. */
  predict(rows: readonly InputRow<I>[]): Promise<(Answers<O> | PredictionError)[]>
  // The last one: it is the one that the compiler speaks of when a call fits none.
  /** Throws VolantError `bad-row` when the row cannot be read. */
  predict(row: InputRow<I>): Promise<Answers<O>>
  evaluate(data: Source): Promise<EvaluateReport>
  close(): Promise<void>
}

/**
 * Describes a model by its inputs and outputs.
 *
 * ```ts
 * const triage = model({ inputs: { message: text(), plan: category() }, outputs: { queue: category() } })
 * const trained = await triage.train('tickets.csv', { seed: 42 })
 * const { queue } = await trained.predict({ message: 'where is my card?', plan: 'pro' })
 * ```
 */
export function model<const I extends Inputs, const O extends Outputs>(fields: { inputs: I; outputs: O }): Model<I, O> {
  const describe = (settings: SpecInput['train'] = {}) =>
    parseSpec({ inputs: settingsOf(fields.inputs), outputs: settingsOf(fields.outputs), train: settings })
  const load = async (folder: string, options?: LoadOptions) =>
    typed<I, O>(await loadModel(folder, options), describe())
  return {
    spec: describe,
    load,
    async train(data, { valid, test, out, onEvent, signal, lineage, threads, ...settings } = {}) {
      const spec = describe(settings)
      const opened: Table[] = []
      const open = async (source: Source) => {
        const table = await tableOf(source)
        if (table !== source) opened.push(table)
        return table
      }
      try {
        const report = await train({
          data: await open(data),
          valid: valid === undefined ? undefined : await open(valid),
          test: test === undefined ? undefined : await open(test),
          spec,
          out: out ?? join(await mkdtemp(join(tmpdir(), 'volant-')), 'model'),
          onEvent,
          signal,
          lineage,
          threads,
        })
        return await load(report.model)
      } finally {
        await Promise.all(opened.map((table) => table.close()))
      }
    },
  }
}

function settingsOf(fields: Inputs | Outputs): Record<string, { readonly type: string }> {
  return Object.fromEntries(Object.entries(fields).map(([name, { settings }]) => [name, settings]))
}

async function tableOf(source: Source): Promise<Table> {
  if (typeof source === 'string') return openTable(source)
  return Array.isArray(source) ? tableFromRows(source as Row[]) : (source as Table)
}

function typed<I extends Inputs, O extends Outputs>(loaded: TrainedModel, wanted: Spec): Trained<I, O> {
  checkOutputs(loaded, wanted)
  async function predict(given: InputRow<I> | readonly InputRow<I>[]): Promise<unknown> {
    if (Array.isArray(given)) return loaded.predict(given as Row[])
    const prediction = await loaded.predict(given as Row)
    if (!isPredictionError(prediction)) return prediction
    throw new VolantError('bad-row', `The row cannot be read: ${prediction.error.message}.`, { row: given })
  }
  return {
    folder: loaded.folder,
    report: loaded.report,
    model: loaded,
    predict: predict as Trained<I, O>['predict'],
    async evaluate(data) {
      const table = await tableOf(data)
      try {
        return await loaded.evaluate(table)
      } finally {
        if (table !== data) await table.close()
      }
    },
    close: () => loaded.close(),
  }
}

/** A folder of another model would give answers of other types. */
function checkOutputs(loaded: TrainedModel, wanted: Spec): void {
  for (const [name, { type }] of Object.entries(wanted.outputs)) {
    const found = loaded.spec.outputs[name]?.type
    if (found === type) continue
    throw new VolantError(
      'other-model',
      `The model in "${loaded.folder}" has ${found ? `${found} output` : 'no output'} "${name}"; expected ${type}.`,
      { output: name, found, expected: type },
    )
  }
}
