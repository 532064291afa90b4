import type { Row } from '@volant/data'
import { type Kysely, type Selectable, sql } from 'kysely'
import { ofLiving } from '../needs/index.js'
import type { Outputs } from '../serve/index.js'
import {
  type ColumnType,
  insertMany,
  type JournalKind,
  json,
  type Migration,
  orderedJson,
  type Tables,
} from '../store/index.js'
import type { Feedback, FeedbackQuery, ImproveRequest, Iteration } from './schema.js'

type Value = Feedback['value']

interface FeedbackTable {
  /** Project and client's id together. */
  key: string
  id: string
  project: string
  prediction: string
  output: string | null
  kind: Feedback['kind']
  value: Value
  at: Date
  received_at: Date
  channel: string
  subject: string | null
  /** The iteration that first learnt from this label; null while none has. */
  iteration: string | null
}

interface IterationTable {
  id: string
  project: string
  number: number
  job: string | null
  request: ImproveRequest
  state: Iteration['state']
  reason: string | null
  run: string | null
  dataset: string | null
  champion: string | null
  candidate: string | null
  decision: Iteration['decision']
  labels: Iteration['labels']
  gate: Iteration['gate']
  accuracy: Iteration['accuracy']
  explanation: Iteration['explanation']
  /** True when labels that were set aside came back. */
  released: boolean
  created_at: Date
  ended_at: Date | null
}
export type IterationRecord = Selectable<IterationTable>

declare module '../store/tables.js' {
  interface Tables {
    feedback: FeedbackTable
    iterations: IterationTable
  }
}

export const improveMigrations: Migration[] = [
  {
    name: '0170-feedback',
    up: async (db) => {
      await sql`create table feedback (
        key text primary key, id text not null, project text not null, prediction text not null, output text, kind text not null,
        value jsonb not null, at timestamptz not null, received_at timestamptz not null, channel text not null, subject text,
        iteration text)`.execute(db)
      await sql`create index feedback_prediction on feedback (project, prediction)`.execute(db)
      await sql`create index feedback_received on feedback (project, received_at desc)`.execute(db)
      await sql`create index feedback_new on feedback (project) where kind = 'label' and iteration is null`.execute(db)
      await sql`create table iterations (
        id text primary key, project text not null references projects (id) on delete cascade, number int not null, job text,
        request jsonb not null, state text not null, reason text, run text, dataset text, champion text, candidate text,
        decision text, labels json not null, gate json, accuracy json, explanation json, released boolean not null,
        created_at timestamptz not null, ended_at timestamptz, unique (project, number))`.execute(db)
      await sql`create unique index iterations_one_at_a_time on iterations (project) where state in ('waiting', 'running')`.execute(
        db,
      )
    },
  },
]

/** Feedback as it is journaled; `id` is the table's key. */
export type FeedbackRecord = {
  id: string
  feedbackId: string
  project: string
  prediction: string
  output: string | null
  kind: Feedback['kind']
  value: Value
  at: string
  receivedAt: string
  channel: string
  subject: string | null
}

const columns = {
  ...{ key: 'text', id: 'text', project: 'text', prediction: 'text', output: 'text', kind: 'text', value: 'jsonb' },
  ...{ at: 'timestamptz', received_at: 'timestamptz', channel: 'text', subject: 'text' },
} as const satisfies Record<string, ColumnType>

/** Feedback is on the disk before it is acknowledged. */
export const feedbackKind: JournalKind = {
  durable: true,
  insert: async (trx, records) => {
    const living = await ofLiving(trx, records as unknown as FeedbackRecord[])
    const rows = living.map(({ id, feedbackId, receivedAt, ...rest }) => ({
      ...rest,
      key: id,
      id: feedbackId,
      received_at: receivedAt,
    }))
    await insertMany(trx, 'feedback', columns, rows, { onConflict: 'key' })
  },
}

export async function findFeedback(db: Kysely<Tables>, keys: string[]): Promise<FeedbackRecord[]> {
  if (keys.length === 0) return []
  return (await db.selectFrom('feedback').selectAll().where('key', 'in', keys).execute()).map(record)
}

export async function feedbackOf(db: Kysely<Tables>, project: string, prediction: string): Promise<FeedbackRecord[]> {
  const rows = await db
    .selectFrom('feedback')
    .selectAll()
    .where('project', '=', project)
    .where('prediction', '=', prediction)
    .orderBy('received_at')
    .execute()
  return rows.map(record)
}

/** Newest first; `before` is the place after which the page starts. */
export async function listFeedback(
  db: Kysely<Tables>,
  project: string,
  { kind, channel }: FeedbackQuery,
  limit: number,
  before?: { at: Date; key: string },
): Promise<FeedbackRecord[]> {
  let rows = db
    .selectFrom('feedback')
    .selectAll()
    .where('project', '=', project)
    .orderBy('received_at', 'desc')
    .orderBy('key', 'desc')
    .limit(limit)
  if (kind !== undefined) rows = rows.where('kind', '=', kind)
  if (channel !== undefined) rows = rows.where('channel', '=', channel)
  if (before) rows = rows.where(sql<boolean>`(received_at, key) < (${before.at}, ${before.key})`)
  return (await rows.execute()).map(record)
}

function record({ key, id, received_at, at, iteration: _, ...rest }: Selectable<FeedbackTable>): FeedbackRecord {
  return { ...rest, id: key, feedbackId: id, at: at.toISOString(), receivedAt: received_at.toISOString() }
}

/** Labels that may be learnt from: all but those that a refused iteration set aside. */
const usable = sql<boolean>`(f.kind = 'label' and not exists (
  select 1 from iterations i where i.id = f.iteration and i.decision = 'set-aside' and not i.released))`

export interface LabelRow {
  prediction: string
  output: string
  value: Value
  at: Date
  inputs: Row
  outputs: Outputs
  subject: string | null
  channel: string
  /** Different values that were given for this prediction and output. */
  values: string
}

/** The label that counts of every prediction and output: the latest. Ordered by prediction. */
export async function latestLabels(db: Kysely<Tables>, project: string): Promise<LabelRow[]> {
  const { rows } = await sql<LabelRow>`
    select l.prediction, l.output, l.value, l.at, l.values, p.inputs, p.outputs, p.subject, p.channel
    from (
      select distinct on (f.prediction, f.output) f.prediction, f.output, f.value, f.at,
        (select count(distinct g.value) from feedback g
          where g.project = f.project and g.prediction = f.prediction and g.output = f.output and g.kind = 'label') as values
      from feedback f where f.project = ${project} and ${usable}
      order by f.prediction, f.output, f.at desc, f.received_at desc, f.key desc
    ) l join predictions p on p.id = l.prediction
    order by l.prediction, l.output`.execute(db)
  return rows
}

export interface FeedbackCounts {
  feedback: number
  labels: number
  /** Labels no iteration has learnt from. */
  waiting: number
  setAside: number
  disagreements: number
}

export async function countFeedback(db: Kysely<Tables>, project: string): Promise<FeedbackCounts> {
  const { rows } = await sql<Record<keyof FeedbackCounts, string>>`
    select count(*) as feedback, count(*) filter (where f.kind = 'label') as labels,
      count(*) filter (where f.kind = 'label' and f.iteration is null) as waiting,
      count(*) filter (where f.kind = 'label' and not ${usable}) as "setAside",
      (select count(*) from (select 1 from feedback f where f.project = ${project} and ${usable}
        group by f.prediction, f.output having count(distinct f.value) > 1) d) as disagreements
    from feedback f where f.project = ${project}`.execute(db)
  const counts = Object.entries(rows[0]!).map(([name, count]) => [name, Number(count)])
  return Object.fromEntries(counts) as FeedbackCounts
}

/** Gives all labels that no iteration has to this one; returns how many it has now. */
export async function claimLabels(db: Kysely<Tables>, project: string, iteration: string): Promise<number> {
  await db
    .updateTable('feedback')
    .set({ iteration })
    .where('project', '=', project)
    .where('kind', '=', 'label')
    .where('iteration', 'is', null)
    .execute()
  const { count } = await db
    .selectFrom('feedback')
    .select(({ fn }) => fn.countAll<string>().as('count'))
    .where('project', '=', project)
    .where('iteration', '=', iteration)
    .executeTakeFirstOrThrow()
  return Number(count)
}

/** Labels of an iteration that came to nothing, or whose labels come back, wait again. */
export async function freeLabels(db: Kysely<Tables>, project: string, iteration: string): Promise<void> {
  await db
    .updateTable('feedback')
    .set({ iteration: null })
    .where('project', '=', project)
    .where('iteration', '=', iteration)
    .execute()
}

export async function deleteFeedback(trx: Kysely<Tables>, project: string): Promise<void> {
  await trx.deleteFrom('feedback').where('project', '=', project).execute()
}

/** Adds an iteration under the project's next number. A second one under way breaks the index (code 23505). */
export async function insertIteration(
  trx: Kysely<Tables>,
  iteration: Omit<IterationRecord, 'number'>,
): Promise<IterationRecord> {
  await sql`select 1 from projects where id = ${iteration.project} for update`.execute(trx)
  const { last } = await trx
    .selectFrom('iterations')
    .select(({ fn }) => fn.max('number').as('last'))
    .where('project', '=', iteration.project)
    .executeTakeFirstOrThrow()
  const { request, labels } = iteration
  return trx
    .insertInto('iterations')
    .values({
      ...iteration,
      number: (last ?? 0) + 1,
      request: json(request),
      labels: orderedJson(labels),
      gate: null,
      accuracy: null,
      explanation: null,
    })
    .returningAll()
    .executeTakeFirstOrThrow()
}

/** Changes an iteration that has not ended; false when it has. */
export async function changeIteration(
  db: Kysely<Tables>,
  id: string,
  change: Partial<Omit<IterationRecord, 'id' | 'request'>>,
): Promise<boolean> {
  const { labels, gate, accuracy, explanation, ...rest } = change
  const documents = Object.entries({ labels, gate, accuracy, explanation }).filter(([, value]) => value !== undefined)
  const result = await db
    .updateTable('iterations')
    .set({ ...rest, ...Object.fromEntries(documents.map(([name, value]) => [name, orderedJson(value)])) })
    .where('id', '=', id)
    .where('state', 'in', ['waiting', 'running'])
    .executeTakeFirst()
  return result.numUpdatedRows > 0n
}

export async function setReleased(db: Kysely<Tables>, id: string): Promise<void> {
  await db.updateTable('iterations').set({ released: true }).where('id', '=', id).execute()
}

export async function findIteration(
  db: Kysely<Tables>,
  project: string,
  id: string,
): Promise<IterationRecord | undefined> {
  return db.selectFrom('iterations').selectAll().where('project', '=', project).where('id', '=', id).executeTakeFirst()
}

export async function listIterations(
  db: Kysely<Tables>,
  project: string,
  limit: number,
  before: number,
): Promise<IterationRecord[]> {
  return db
    .selectFrom('iterations')
    .selectAll()
    .where('project', '=', project)
    .where('number', '<', before)
    .orderBy('number', 'desc')
    .limit(limit)
    .execute()
}
