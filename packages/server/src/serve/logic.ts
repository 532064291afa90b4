import { createHash } from 'node:crypto'
import type { Cell, Row } from '@volant/data'
import { isPredictionError } from '@volant/fields'
import { type Channels, usageEntry } from '../channels/index.js'
import type { Endpoint, Endpoints } from '../deploy/index.js'
import { refuse } from '../errors.js'
import type { Events } from '../events.js'
import type { Metrics } from '../metrics.js'
import type { Projects } from '../needs/index.js'
import { maskRow } from '../prepare/index.js'
import { cutPage, type Page } from '../schema.js'
import { type Journal, type Log, newId, type Store } from '../store/index.js'
import type { PredictAnswer, Prediction, PredictionsQuery, PredictRequest } from './schema.js'
import { deletePredictions, findPredictions, listPredictions, type PredictionRecord } from './store.js'

/** Most rows in one request. */
const MOST_ROWS = 1000

interface Parts {
  store: Store
  journal: Journal
  channels: Channels
  endpoints: Endpoints
  projects: Projects
  events: Events
  metrics: Metrics
  log: Log
}

/** Predictions: answered in a worker, kept with their inputs so that feedback can become training rows. */
export class Predictions {
  readonly #parts: Parts
  /** Shadow predictions under way, waited for at the end. */
  readonly #shadows = new Set<Promise<void>>()

  constructor(parts: Parts) {
    this.#parts = parts
    parts.projects.onRemove(deletePredictions)
  }

  /** Answers rows in their order; a row that cannot be answered has an error in its place. */
  async predict(project: string, channel: string, request: PredictRequest): Promise<PredictAnswer> {
    const { channels, endpoints, projects } = this.#parts
    const { rows, subject = null, at = new Date().toISOString() } = request
    if (rows.length > MOST_ROWS)
      throw refuse(
        'too-many-rows',
        `One request may have ${MOST_ROWS} rows, this one has ${rows.length}; send it in parts.`,
      )
    const endpoint = await endpoints.serving(project, request.endpoint).catch(async (error: unknown) => {
      await projects.get(project)
      throw error
    })
    const { version, role } = chosen(endpoint, subject)
    channels.admit(channel, rows.length)
    const origin = { project, version, endpoint: endpoint.name, role, channel, subject, at: new Date(at).toISOString() }
    try {
      const answers = await this.#answer(rows, origin, { asked: true })
      if (endpoint.shadow) this.#listen(rows, { ...origin, version: endpoint.shadow, role: 'shadow' })
      return { predictions: answers }
    } catch (error) {
      channels.refund(channel, rows.length)
      throw error
    }
  }

  /** Predicts rows that no caller asked about, to score them; kept like the others, in a channel of its own. */
  async predictFor(project: string, channel: string, rows: Row[]): Promise<PredictAnswer['predictions']> {
    const endpoint = await this.#parts.endpoints.serving(project)
    const at = new Date().toISOString()
    return this.#answer(rows, {
      project,
      version: endpoint.champion,
      endpoint: endpoint.name,
      role: 'champion',
      channel,
      subject: null,
      at,
    })
  }

  /** A prediction with its masked inputs. Throws `unknown-prediction`. */
  async get(project: string, id: string): Promise<Prediction> {
    const found = (await this.find(project, [id])).get(id)
    if (!found)
      throw refuse('unknown-prediction', `The project "${project}" has no prediction "${id}".`, { prediction: id })
    return shown(found)
  }

  async list(project: string, query: PredictionsQuery): Promise<Page<Prediction>> {
    await this.#parts.journal.flush()
    const page = cutPage(
      await listPredictions(this.#parts.store.db, project, query, query.limit + 1),
      query.limit,
      (one) => one.id,
    )
    return { ...page, items: page.items.map(shown) }
  }

  /** Predictions as they were made, also those that are only in the journal yet. */
  async find(project: string, ids: string[]): Promise<Map<string, PredictionRecord>> {
    const { journal, store } = this.#parts
    const found = new Map<string, PredictionRecord>()
    for (const id of new Set(ids)) {
      const waiting = journal.find('prediction', id) as PredictionRecord | undefined
      if (waiting?.project === project) found.set(id, waiting)
    }
    const missing = [...new Set(ids)].filter((id) => !found.has(id))
    for (const record of await findPredictions(store.db, project, missing)) found.set(record.id, record)
    return found
  }

  /** Waits for shadow predictions under way. */
  async close(): Promise<void> {
    await Promise.all(this.#shadows)
  }

  /** Usage counts what callers asked for, not what we ask ourselves. */
  async #answer(
    rows: readonly unknown[],
    origin: Omit<PredictionRecord, 'id' | 'inputs' | 'outputs' | 'confidence'>,
    { asked = false } = {},
  ): Promise<PredictAnswer['predictions']> {
    const { endpoints, journal, events, metrics } = this.#parts
    const { project, version, channel } = origin
    const faults = rows.map(faultOf)
    const good = rows.filter((_, at) => faults[at] === null) as Row[]
    const said = await endpoints.sessions.predict(project, version, good)
    const records: PredictionRecord[] = []
    let next = 0
    const answers = rows.map((row, at): PredictAnswer['predictions'][number] => {
      const fault = faults[at]
      if (fault) return { error: { row: at, message: fault } }
      const outputs = said[next++]!
      if (isPredictionError(outputs)) return { error: { row: at, message: outputs.error.message } }
      const id = newId()
      records.push({
        ...origin,
        id,
        inputs: row as Row,
        outputs,
        confidence: Object.values(outputs).find(({ probability }) => probability !== undefined)?.probability ?? null,
      })
      return { id, version, outputs }
    })
    const errors = rows.length - records.length
    const entries = records.map((record) => ({ kind: 'prediction', record }))
    if (!asked) {
      await journal.append(entries)
      return answers
    }
    await journal.append([...entries, usageEntry({ project, channel, version, predictions: records.length, errors })])
    metrics.predicted(project, channel, records.length, errors)
    events.emit(project, { kind: 'predictions', count: records.length })
    return answers
  }

  /** Asks the shadow version beside the answer; nobody waits for it and its failure harms nobody. */
  #listen(rows: readonly unknown[], origin: Omit<PredictionRecord, 'id' | 'inputs' | 'outputs' | 'confidence'>): void {
    const shadow = this.#answer(rows, origin).then(
      () => {},
      (error: Error) => this.#parts.log.warn({ err: error, version: origin.version }, 'a shadow prediction failed'),
    )
    this.#shadows.add(shadow)
    void shadow.finally(() => this.#shadows.delete(shadow))
  }
}

/** Champion or challenger; a subject always meets the same one. */
function chosen(
  { champion, challenger }: Endpoint,
  subject: string | null,
): { version: string; role: Prediction['role'] } {
  if (!challenger) return { version: champion, role: 'champion' }
  const place =
    subject === null ? Math.random() : createHash('sha256').update(subject).digest().readUInt32BE(0) / 2 ** 32
  return place < challenger.share
    ? { version: challenger.version, role: 'challenger' }
    : { version: champion, role: 'champion' }
}

/** Why a row cannot be given to a model at all; null when it can. */
function faultOf(row: unknown): string | null {
  if (typeof row !== 'object' || row === null || Array.isArray(row))
    return `expected an object with the inputs, found ${Array.isArray(row) ? 'a list' : JSON.stringify(row)?.slice(0, 80)}.`
  for (const [name, value] of Object.entries(row)) {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') continue
    if (typeof value === 'number' && Number.isFinite(value)) continue
    return `"${name}": expected a text, a number, true, false or null, found ${Array.isArray(value) ? 'a list' : `a value of type ${typeof value}`}.`
  }
  return null
}

function shown({ project: _, confidence: __, inputs, ...record }: PredictionRecord): Prediction {
  return { ...record, inputs: maskRow(inputs as Record<string, Cell>) }
}
