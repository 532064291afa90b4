import { VolantError } from '@volant/data'
import { usageEntry } from '../channels/index.js'
import { type ProblemCode, refuse } from '../errors.js'
import type { Events } from '../events.js'
import type { Metrics } from '../metrics.js'
import type { Project } from '../needs/index.js'
import { cutPage, type Page } from '../schema.js'
import type { PredictionRecord, Predictions } from '../serve/index.js'
import type { Journal, Store } from '../store/index.js'
import type { Versions } from '../train/index.js'
import type { KnownClasses } from './classes.js'
import { type Feedback, type FeedbackQuery, type NewFeedback, readFeedback } from './schema.js'
import { type FeedbackRecord, feedbackOf, findFeedback, listFeedback } from './store.js'
import { type LabelField, labelOf, opinionOf, outputOf } from './values.js'

/** Most feedback in one request. */
const MOST = 1000

interface Parts {
  store: Store
  journal: Journal
  predictions: Predictions
  versions: Versions
  classes: KnownClasses
  events: Events
  metrics: Metrics
}

export type Taken = { id: string; duplicate: boolean } | { id: string | null; refused: VolantError }

/** What users say of predictions. Ids are the client's, so that sending again is harmless. */
export class FeedbackBook {
  readonly #parts: Parts
  /** Ids that are being taken: another request with one of them waits, so that one is the first and it is a repeat. */
  readonly #taking = new Map<string, Promise<void>>()

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Checks and keeps feedback; what is wrong is refused item by item. On the disk before it is acknowledged. */
  async give(project: Project, channel: string, given: readonly unknown[]): Promise<Taken[]> {
    if (given.length > MOST)
      throw refuse(
        'too-many-rows',
        `One request may have ${MOST} feedback items, this one has ${given.length}; send it in parts.`,
      )
    const items = given.map(readFeedback)
    const shaped = items.filter((item): item is NewFeedback => !('wrong' in item))
    if (shaped.length === items.length) return this.#giveShaped(project, channel, shaped)
    const taken = shaped.length > 0 ? await this.#giveShaped(project, channel, shaped) : []
    let next = 0
    return items.map((item, at) => ('wrong' in item ? misshapen(given[at], item.wrong) : taken[next++]!))
  }

  async #giveShaped(project: Project, channel: string, items: NewFeedback[]): Promise<Taken[]> {
    const release = await this.#claim(items.map((item) => keyOf(project.id, item.id)))
    try {
      return await this.#take(project, channel, items)
    } finally {
      release()
    }
  }

  async #claim(keys: readonly string[]): Promise<() => void> {
    for (;;) {
      const others = keys.flatMap((key) => this.#taking.get(key) ?? [])
      if (others.length === 0) break
      await Promise.all(others)
    }
    let done!: () => void
    const taken = new Promise<void>((resolve) => {
      done = resolve
    })
    for (const key of keys) this.#taking.set(key, taken)
    return () => {
      for (const key of keys) this.#taking.delete(key)
      done()
    }
  }

  async #take(project: Project, channel: string, items: NewFeedback[]): Promise<Taken[]> {
    const { journal, predictions, events, metrics } = this.#parts
    const about = await predictions.find(
      project.id,
      items.map((item) => item.predictionId),
    )
    const known = await this.#known(items.map((item) => keyOf(project.id, item.id)))
    const fieldOf = this.#fieldsOf(project)
    const now = new Date().toISOString()
    const added: { record: FeedbackRecord; version: string; taken: { id: string; duplicate: boolean } }[] = []
    const answers: Taken[] = []
    for (const item of items) {
      try {
        const prediction = about.get(item.predictionId)
        if (!prediction)
          throw refuse('unknown-prediction', `The project "${project.id}" has no prediction "${item.predictionId}".`, {
            prediction: item.predictionId,
          })
        const record = {
          ...(await this.#checked(project, item, prediction, fieldOf)),
          channel,
          receivedAt: now,
          at: item.at ? new Date(item.at).toISOString() : now,
        }
        const before = known.get(record.id)
        if (before && !sameContent(before, record))
          throw refuse('id-reused', `The id "${item.id}" was used before for other feedback; make a new id.`, {
            id: item.id,
          })
        const taken = { id: item.id, duplicate: before !== undefined }
        answers.push(taken)
        if (before) continue
        known.set(record.id, record)
        added.push({ record, version: prediction.version, taken })
      } catch (error) {
        if (!(error instanceof VolantError)) throw error
        answers.push({ id: item.id, refused: error })
      }
    }
    if (added.length === 0) return answers
    const kept = await journal.append([
      ...added.map(({ record }) => ({ kind: 'feedback', record })),
      ...[...countBy(added, ({ version }) => version)].map(([version, feedback]) =>
        usageEntry({ project: project.id, channel, version, feedback }),
      ),
    ])
    added.forEach(({ record, taken }, at) => {
      taken.duplicate = kept[at]!.duplicate
      if (!taken.duplicate) metrics.fedBack(project.id, record.kind)
    })
    events.emit(project.id, { kind: 'feedback', count: added.length })
    return answers
  }

  /** Feedback on one prediction, oldest first. */
  async of(project: string, prediction: string): Promise<Feedback[]> {
    await this.#parts.journal.flush()
    return (await feedbackOf(this.#parts.store.db, project, prediction)).map(view)
  }

  async list(project: string, query: FeedbackQuery): Promise<Page<Feedback>> {
    await this.#parts.journal.flush()
    const db = this.#parts.store.db
    const last = query.after === undefined ? undefined : await this.#place(query.after)
    const page = cutPage(await listFeedback(db, project, query, query.limit + 1, last), query.limit, cursorOf)
    return { ...page, items: page.items.map(view) }
  }

  async #place(after: string): Promise<{ at: Date; key: string }> {
    const key = Buffer.from(after, 'base64url').toString()
    const [found] = await findFeedback(this.#parts.store.db, [key])
    if (!found) throw refuse('bad-cursor', `after=${after} was not given out by this listing.`)
    return { at: new Date(found.receivedAt), key }
  }

  async #known(keys: string[]): Promise<Map<string, FeedbackRecord>> {
    const { journal, store } = this.#parts
    const known = new Map<string, FeedbackRecord>()
    for (const key of keys) {
      const waiting = journal.find('feedback', key) as FeedbackRecord | undefined
      if (waiting) known.set(key, waiting)
    }
    for (const record of await findFeedback(
      store.db,
      keys.filter((key) => !known.has(key)),
    ))
      known.set(record.id, record)
    return known
  }

  async #checked(
    project: Project,
    item: NewFeedback,
    prediction: PredictionRecord,
    fieldOf: FieldOf,
  ): Promise<Omit<FeedbackRecord, 'channel' | 'receivedAt' | 'at'>> {
    const output = outputOf(item, Object.keys(prediction.outputs))
    const value =
      item.kind === 'label' ? labelOf(item.value, output!, await fieldOf(prediction.version, output!)) : opinionOf(item)
    return {
      id: keyOf(project.id, item.id),
      feedbackId: item.id,
      project: project.id,
      prediction: prediction.id,
      output,
      kind: item.kind,
      value,
      subject: item.subject ?? null,
    }
  }

  /** What a label may be, looked up once per version and output of a request. */
  #fieldsOf(project: Project): FieldOf {
    const { versions, classes } = this.#parts
    const known = new Map<string, Promise<LabelField>>()
    const find = async (version: string, output: string): Promise<LabelField> => {
      const field = (await versions.form(project.id, version)).outputs.find((one) => one.name === output)
      const category = field?.type === 'category'
      return { type: field?.type, classes: category ? await classes.of(project, output, field) : new Set() }
    }
    return (version, output) => {
      const key = JSON.stringify([version, output])
      const field = known.get(key) ?? find(version, output)
      known.set(key, field)
      return field
    }
  }
}

function misshapen(item: unknown, wrong: string): Taken {
  const { id } = (item ?? {}) as { id?: unknown }
  return { id: typeof id === 'string' ? id.slice(0, 200) : null, refused: refuse('bad-request', wrong) }
}

type FieldOf = (version: string, output: string) => Promise<LabelField>

function countBy<T>(items: T[], key: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1)
  return counts
}

function keyOf(project: string, id: string): string {
  return `${project}/${id}`
}

function sameContent(a: FeedbackRecord, b: FeedbackRecord): boolean {
  return a.prediction === b.prediction && a.output === b.output && a.kind === b.kind && a.value === b.value
}

function cursorOf({ id }: FeedbackRecord): string {
  return Buffer.from(id).toString('base64url')
}

function view({
  feedbackId,
  prediction,
  output,
  kind,
  value,
  at,
  receivedAt,
  channel,
  subject,
}: FeedbackRecord): Feedback {
  return { id: feedbackId, predictionId: prediction, output, kind, value, at, receivedAt, channel, subject }
}

/** The refusal of one item among several. */
export function refusalOf(error: VolantError): { code: ProblemCode | string; message: string } {
  return { code: error.code, message: error.message }
}
