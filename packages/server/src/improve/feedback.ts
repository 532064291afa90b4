import { nearestName, VolantError } from '@volant/data'
import { usageEntry } from '../channels/index.js'
import { type ProblemCode, refuse } from '../errors.js'
import type { Events } from '../events.js'
import type { Metrics } from '../metrics.js'
import type { Project } from '../needs/index.js'
import { cutPage, type Page } from '../schema.js'
import type { PredictionRecord, Predictions } from '../serve/index.js'
import type { Journal, Store } from '../store/index.js'
import type { FormField, Versions } from '../train/index.js'
import type { KnownClasses } from './classes.js'
import type { Feedback, FeedbackQuery, NewFeedback } from './schema.js'
import { type FeedbackRecord, feedbackOf, findFeedback, listFeedback } from './store.js'

/** Most feedback in one request. */
const MOST = 1000
const LONGEST_TEXT = 20_000

interface Parts {
  store: Store
  journal: Journal
  predictions: Predictions
  versions: Versions
  classes: KnownClasses
  events: Events
  metrics: Metrics
}

export type Taken = { id: string; duplicate: boolean } | { id: string; refused: VolantError }

/** What users say of predictions. Ids are the client's, so that sending again is harmless. */
export class FeedbackBook {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Checks and keeps feedback; what is wrong is refused item by item. On the disk before it is acknowledged. */
  async give(project: Project, channel: string, items: NewFeedback[]): Promise<Taken[]> {
    const { journal, predictions, events, metrics } = this.#parts
    if (items.length > MOST)
      throw refuse(
        'too-many-rows',
        `One request may have ${MOST} feedback items, this one has ${items.length}; send it in parts.`,
      )
    const about = await predictions.find(
      project.id,
      items.map((item) => item.predictionId),
    )
    const known = await this.#known(items.map((item) => keyOf(project.id, item.id)))
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
          ...(await this.#checked(project, item, prediction)),
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
  ): Promise<Omit<FeedbackRecord, 'channel' | 'receivedAt' | 'at'>> {
    const output = outputOf(item, prediction)
    const value = item.kind === 'label' ? await this.#label(project, item, output!, prediction) : opinion(item)
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

  /** The label in the form that training reads. */
  async #label(
    project: Project,
    { value }: NewFeedback,
    output: string,
    { version }: PredictionRecord,
  ): Promise<Feedback['value']> {
    const field = (await this.#parts.versions.form(project.id, version)).outputs.find((one) => one.name === output)
    if (field?.type === 'number') return number(value, output)
    if (field?.type === 'boolean') return boolean(value, output)
    const wanted = String(value).trim()
    const classes = await this.#parts.classes.of(project, output, field as FormField | undefined)
    if (classes.has(wanted)) return wanted
    const nearest = nearestName(wanted, [...classes])
    const hint = nearest
      ? `Did you mean "${nearest}"?`
      : `The classes are ${[...classes]
          .slice(0, 20)
          .map((one) => `"${one}"`)
          .join(', ')}.`
    throw refuse(
      'unknown-label',
      `"${wanted.slice(0, 100)}" is no class of the output "${output}". ${hint} A new class is added to "classes" of the project first.`,
      { output, nearest },
    )
  }
}

function countBy<T>(items: T[], key: (item: T) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1)
  return counts
}

function keyOf(project: string, id: string): string {
  return `${project}/${id}`
}

/** The output that feedback is about; a label needs one, and it is clear when the model has only one. */
function outputOf({ output, kind }: NewFeedback, { outputs }: PredictionRecord): string | null {
  const names = Object.keys(outputs)
  if (output !== undefined) {
    if (names.includes(output)) return output
    const nearest = nearestName(output, names)
    const hint = nearest
      ? `Did you mean "${nearest}"?`
      : `Its outputs are ${names.map((name) => `"${name}"`).join(', ')}.`
    throw refuse('wrong-output', `The prediction has no output "${output}". ${hint}`, { output, nearest })
  }
  if (names.length === 1) return names[0]!
  if (kind !== 'label') return null
  throw refuse(
    'wrong-output',
    `The prediction has the outputs ${names.map((name) => `"${name}"`).join(', ')}; say which one the label is for.`,
  )
}

const expectations: Record<
  Exclude<NewFeedback['kind'], 'label'>,
  [expected: string, fits: (value: unknown) => boolean]
> = {
  rating: ['a number from 1 to 5', (value) => typeof value === 'number' && value >= 1 && value <= 5],
  click: ['true or false', (value) => typeof value === 'boolean'],
  conversion: ['true or what it was worth, a number', (value) => typeof value === 'number' || value === true],
  edit: ['the text as it was edited', (value) => typeof value === 'string'],
  comment: ['a text', (value) => typeof value === 'string'],
}

/** The value of feedback that is no label. */
function opinion({ kind, value }: NewFeedback): Feedback['value'] {
  const [expected, fits] = expectations[kind as Exclude<NewFeedback['kind'], 'label'>]
  if (!fits(value))
    throw refuse(
      'bad-value',
      `Feedback of kind "${kind}": expected ${expected}, found ${JSON.stringify(value).slice(0, 100)}.`,
      { kind },
    )
  if (typeof value === 'string' && value.length > LONGEST_TEXT)
    throw refuse(
      'bad-value',
      `Feedback of kind "${kind}": expected at most ${LONGEST_TEXT} characters, found ${value.length}.`,
      { kind },
    )
  return value
}

function number(value: Feedback['value'], output: string): number {
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw refuse(
    'bad-value',
    `The label of "${output}": expected a number, found ${JSON.stringify(value).slice(0, 100)}.`,
    { output },
  )
}

function boolean(value: Feedback['value'], output: string): boolean {
  if (typeof value === 'boolean') return value
  const text = String(value).trim().toLowerCase()
  if (text === 'true' || text === 'false') return text === 'true'
  throw refuse(
    'unknown-label',
    `The label of "${output}": expected true or false, found ${JSON.stringify(value).slice(0, 100)}.`,
    { output },
  )
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
