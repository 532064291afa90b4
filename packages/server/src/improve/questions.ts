import { isMissing, type Row } from '@volant/data'
import { isPredictionError } from '@volant/fields'
import { type Kysely, sql } from 'kysely'
import { type Datasets, fieldsOf, inputsKey } from '../collect/index.js'
import type { Endpoints } from '../deploy/index.js'
import { refuse } from '../errors.js'
import type { Project } from '../needs/index.js'
import { maskRow, type TestSets } from '../prepare/index.js'
import type { Outputs, Predictions } from '../serve/index.js'
import type { Journal, Store, Tables } from '../store/index.js'
import type { Versions } from '../train/index.js'
import type { Questions, QuestionsQuery } from './schema.js'
import { chooseQuestions, uncertaintyOf } from './selection.js'

/** Newest rows looked at. */
const POOL = 5000
/** Unlabelled rows of the data that get a prediction per call. */
const PREDICTED_AT_ONCE = 2000
const BATCH = 250
/** Channel of predictions made for rows that were uploaded without labels. */
const POOL_CHANNEL = 'pool'

interface Parts {
  store: Store
  journal: Journal
  datasets: Datasets
  testSets: TestSets
  endpoints: Endpoints
  versions: Versions
  predictions: Predictions
}

interface Asked {
  id: string
  inputs: Row
  outputs: Outputs
  version: string
  channel: string
  at: Date
  labelled: boolean
}

/** Which rows without a label to ask people about next. */
export class Questioner {
  readonly #parts: Parts
  /** Per project: what the present champion says of rows that an earlier one answered, by prediction. */
  readonly #rescored = new Map<string, { version: string; outputs: Map<string, Outputs> }>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async ask(project: Project, { limit, strategy, output: wanted, channel, seed }: QuestionsQuery): Promise<Questions> {
    const { endpoints, versions } = this.#parts
    const { champion } = await endpoints.serving(project.id)
    const form = await versions.form(project.id, champion)
    const output = wanted ?? form.outputs[0]!.name
    if (!form.outputs.some((field) => field.name === output))
      throw refuse(
        'wrong-output',
        `The model has no output "${output}"; it has ${form.outputs.map((field) => `"${field.name}"`).join(', ')}.`,
      )
    const inputs = form.inputs.map((field) => field.name)
    if (channel === undefined || channel === POOL_CHANNEL) await this.#predictUploaded(project, inputs, output)
    const pool = await this.#pool(project, inputs, output, channel)
    const scored = await this.#score(project.id, champion, pool)
    const candidates = pool
      .map((row) => ({ inputs: row.inputs, output: scored.get(row.id)?.[output] }))
      .map((one, at) => ({ ...one, at }))
    const answered = candidates.filter(
      (one): one is typeof one & { output: Outputs[string] } => one.output !== undefined,
    )
    const chosen = chooseQuestions(answered, { limit, strategy, seed }).map((at) => answered[at]!.at)
    return {
      version: champion,
      strategy,
      pool: pool.length,
      questions: chosen.map((at) => {
        const row = pool[at]!
        const outputs = scored.get(row.id)!
        const asked = { predictionId: row.id, output, channel: row.channel, at: row.at.toISOString() }
        return { ...asked, inputs: maskRow(row.inputs), outputs, uncertainty: uncertaintyOf(outputs[output]!) }
      }),
    }
  }

  /** Predicted rows without a label for the output, each content once, none of them in the test set. */
  async #pool(project: Project, inputs: string[], output: string, channel: string | undefined): Promise<Asked[]> {
    await this.#parts.journal.flush()
    const rows = await predictedRows(this.#parts.store.db, project.id, output, POOL)
    const seen = new Set(await this.#parts.testSets.keys(project, inputs))
    for (const row of rows) if (row.labelled) seen.add(inputsKey(row.inputs, inputs))
    return rows.filter((row) => {
      const key = inputsKey(row.inputs, inputs)
      if (row.labelled || seen.has(key) || (channel !== undefined && row.channel !== channel)) return false
      seen.add(key)
      return true
    })
  }

  /** Rows that were uploaded without this label and that nobody has asked about yet get a prediction. */
  async #predictUploaded(project: Project, inputs: string[], output: string): Promise<void> {
    const { datasets, predictions, journal, store, testSets } = this.#parts
    const collected = await datasets.collected(project)
    if (!collected || collected.rows === (collected.labelled[output] ?? 0)) return
    await journal.flush()
    const known = new Set(await testSets.keys(project, inputs))
    for (const row of await predictedRows(store.db, project.id, output, POOL, POOL_CHANNEL))
      known.add(inputsKey(row.inputs, inputs))
    const outputs = Object.keys(fieldsOf(project, 'outputs'))
    const rows: Row[] = []
    const version = await datasets.open(project, collected.id)
    for await (const { values } of version.read()) {
      // A row with another output's label is there for that output; this one is missing on purpose.
      if (outputs.some((name) => !isMissing(values[name]))) continue
      const key = inputsKey(values, inputs)
      if (known.has(key)) continue
      known.add(key)
      rows.push(Object.fromEntries(inputs.map((name) => [name, values[name] ?? null])))
      if (rows.length === PREDICTED_AT_ONCE) break
    }
    await version.close()
    for (let at = 0; at < rows.length; at += BATCH)
      await predictions.predictFor(project.id, POOL_CHANNEL, rows.slice(at, at + BATCH))
  }

  /** The champion's outputs for every row of the pool. */
  async #score(project: string, champion: string, pool: Asked[]): Promise<Map<string, Outputs>> {
    if (this.#rescored.get(project)?.version !== champion)
      this.#rescored.set(project, { version: champion, outputs: new Map() })
    const kept = this.#rescored.get(project)!.outputs
    const scored = new Map<string, Outputs>()
    const stale: Asked[] = []
    for (const row of pool) {
      const outputs = row.version === champion ? row.outputs : kept.get(row.id)
      if (outputs) scored.set(row.id, outputs)
      else stale.push(row)
    }
    for (let from = 0; from < stale.length; from += BATCH) {
      const batch = stale.slice(from, from + BATCH)
      const answers = await this.#parts.endpoints.sessions.predict(
        project,
        champion,
        batch.map((row) => row.inputs),
      )
      answers.forEach((answer, at) => {
        if (isPredictionError(answer)) return
        kept.set(batch[at]!.id, answer)
        scored.set(batch[at]!.id, answer)
      })
    }
    return scored
  }
}

/** The newest predicted rows and whether a label counts for their output. */
async function predictedRows(
  db: Kysely<Tables>,
  project: string,
  output: string,
  limit: number,
  channel?: string,
): Promise<Asked[]> {
  const { rows } = await sql<Asked>`
    select p.id, p.inputs, p.outputs, p.version, p.channel, p.at, exists (
      select 1 from feedback f where f.project = p.project and f.prediction = p.id and f.output = ${output} and f.kind = 'label'
      and not exists (select 1 from iterations i where i.id = f.iteration and i.decision = 'set-aside' and not i.released)
    ) as labelled
    from predictions p
    where p.project = ${project} and p.role <> 'shadow' ${channel === undefined ? sql`` : sql`and p.channel = ${channel}`}
    order by p.id desc limit ${limit}`.execute(db)
  return rows
}
