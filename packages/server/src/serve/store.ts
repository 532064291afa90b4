import type { Row } from '@volant/data'
import { type Kysely, type Selectable, sql } from 'kysely'
import { ofLiving } from '../needs/index.js'
import { type ColumnType, insertMany, type JournalKind, type Migration, type Tables } from '../store/index.js'
import type { Outputs, Prediction, PredictionsQuery } from './schema.js'

interface PredictionTable {
  id: string
  project: string
  version: string
  endpoint: string
  role: Prediction['role']
  channel: string
  subject: string | null
  at: Date
  inputs: Row
  outputs: Outputs
  /** Probability of the value of the first output that has one. */
  confidence: number | null
}

declare module '../store/tables.js' {
  interface Tables {
    predictions: PredictionTable
  }
}

export const serveMigrations: Migration[] = [
  {
    name: '0160-predictions',
    up: async (db) => {
      await sql`create table predictions (
        id text primary key, project text not null, version text not null, endpoint text not null, role text not null,
        channel text not null, subject text, at timestamptz not null, inputs jsonb not null, outputs jsonb not null,
        confidence float8)`.execute(db)
      await sql`create index predictions_project on predictions (project, id)`.execute(db)
      await sql`create index predictions_confidence on predictions (project, channel, confidence) where role <> 'shadow'`.execute(
        db,
      )
      await sql`create index predictions_subject on predictions (project, subject) where subject is not null`.execute(
        db,
      )
    },
  },
]

/** A prediction as it is made, journaled and stored; its inputs are as they were sent. */
export type PredictionRecord = {
  id: string
  project: string
  version: string
  endpoint: string
  role: Prediction['role']
  channel: string
  subject: string | null
  at: string
  inputs: Row
  outputs: Outputs
  confidence: number | null
}

const columns = {
  ...{ id: 'text', project: 'text', version: 'text', endpoint: 'text', role: 'text', channel: 'text', subject: 'text' },
  ...{ at: 'timestamptz', inputs: 'jsonb', outputs: 'jsonb', confidence: 'float8' },
} as const satisfies Record<string, ColumnType>

/** Predictions survive kill -9 once answered; a power cut may lose the last 200 ms of them. */
export const predictionKind: JournalKind = {
  durable: false,
  insert: async (trx, records) => {
    const living = await ofLiving(trx, records as unknown as PredictionRecord[])
    await insertMany(trx, 'predictions', columns, living, { onConflict: 'id' })
  },
}

export async function findPredictions(db: Kysely<Tables>, project: string, ids: string[]): Promise<PredictionRecord[]> {
  if (ids.length === 0) return []
  const rows = await db
    .selectFrom('predictions')
    .selectAll()
    .where('project', '=', project)
    .where('id', 'in', ids)
    .execute()
  return rows.map(record)
}

export async function listPredictions(
  db: Kysely<Tables>,
  project: string,
  query: PredictionsQuery,
  limit: number,
): Promise<PredictionRecord[]> {
  const { channel, version, endpoint, after } = query
  let rows = db.selectFrom('predictions').selectAll().where('project', '=', project).orderBy('id', 'desc').limit(limit)
  if (channel !== undefined) rows = rows.where('channel', '=', channel)
  if (version !== undefined) rows = rows.where('version', '=', version)
  if (endpoint !== undefined) rows = rows.where('endpoint', '=', endpoint)
  if (after !== undefined) rows = rows.where('id', '<', after)
  return (await rows.execute()).map(record)
}

export async function deletePredictions(trx: Kysely<Tables>, project: string): Promise<void> {
  await trx.deleteFrom('predictions').where('project', '=', project).execute()
}

const record = ({ at, ...rest }: Selectable<PredictionTable>): PredictionRecord => ({ ...rest, at: at.toISOString() })
