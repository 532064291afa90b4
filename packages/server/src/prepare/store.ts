import { type Kysely, type Selectable, sql } from 'kysely'
import { isCode, type Migration, orderedJson, type Tables } from '../store/index.js'
import type { TestSet } from './schema.js'

interface TestSetTable {
  project: string
  id: string
  rows: number
  filled: Record<string, number>
  origin: TestSet['origin']
  /** Names the rows' version in the project's folder. */
  sha256: string
  created_at: Date
}
export type TestSetRecord = Selectable<TestSetTable>

declare module '../store/tables.js' {
  interface Tables {
    test_sets: TestSetTable
  }
}

export const prepareMigrations: Migration[] = [
  {
    name: '0120-test-sets',
    up: async (db) => {
      await sql`create table test_sets (
        project text primary key references projects (id) on delete cascade, id text not null, rows int not null,
        filled json not null, origin text not null, sha256 text not null, created_at timestamptz not null)`.execute(db)
    },
  },
]

/** Defines the test set; false when the project has one. */
export async function insertTestSet(db: Kysely<Tables>, record: TestSetRecord): Promise<boolean> {
  try {
    await db
      .insertInto('test_sets')
      .values({ ...record, filled: orderedJson(record.filled) })
      .execute()
    return true
  } catch (error) {
    if (isCode(error, '23505')) return false
    throw error
  }
}

export async function findTestSet(db: Kysely<Tables>, project: string): Promise<TestSetRecord | undefined> {
  return db.selectFrom('test_sets').selectAll().where('project', '=', project).executeTakeFirst()
}
