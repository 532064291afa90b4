import { type Kysely, sql } from 'kysely'
import { type Migration, orderedJson, type Tables } from '../store/index.js'
import type { Evaluation, Scored } from './schema.js'

interface EvaluationTable {
  version: string
  project: string
  test_set: string
  scored: Scored
  /** Artifact of the scores of every row. */
  scores: string
  created_at: Date
}

declare module '../store/tables.js' {
  interface Tables {
    evaluations: EvaluationTable
  }
}

export const evaluateMigrations: Migration[] = [
  {
    name: '0140-evaluations',
    up: async (db) => {
      await sql`create table evaluations (
        version text primary key, project text not null references projects (id) on delete cascade,
        test_set text not null, scored json not null, scores text not null, created_at timestamptz not null)`.execute(
        db,
      )
    },
  },
]

export interface NewEvaluation {
  version: string
  project: string
  testSet: string
  scored: Scored
  scores: string
}

/** Keeps an evaluation; called in the transaction that makes the model version. */
export async function insertEvaluation(
  trx: Kysely<Tables>,
  { version, project, testSet, scored, scores }: NewEvaluation,
): Promise<void> {
  await trx
    .insertInto('evaluations')
    .values({ version, project, test_set: testSet, scored: orderedJson(scored), scores, created_at: new Date() })
    .execute()
}

/** Evaluations of some versions, by version. */
export async function findEvaluations(
  db: Kysely<Tables>,
  versions: string[],
): Promise<Map<string, Evaluation & { scores: string }>> {
  if (versions.length === 0) return new Map()
  const rows = await db.selectFrom('evaluations').selectAll().where('version', 'in', versions).execute()
  return new Map(
    rows.map(({ version, test_set, scored, scores, created_at }) => [
      version,
      { version, testSet: test_set, ...scored, scores, createdAt: created_at.toISOString() },
    ]),
  )
}
