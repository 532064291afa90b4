import { type Generated, sql } from 'kysely'
import type { Migration } from '../migrations.js'

declare module '../tables.js' {
  interface Tables {
    /** How far each data folder's journal is in the database. */
    journal_offsets: { journal: string; segment: string; position: string }
    /** What the database did not take, with the reason. */
    journal_rejected: { id: Generated<string>; kind: string; record: string; reason: string; at: Generated<Date> }
  }
}

export const journalMigrations: Migration[] = [
  {
    name: '0010-journal',
    up: async (db) => {
      await sql`
        create table journal_offsets (
          journal text primary key,
          segment bigint not null,
          position bigint not null
        )`.execute(db)
      await sql`
        create table journal_rejected (
          id bigint generated always as identity primary key,
          kind text not null,
          record text not null,
          reason text not null,
          at timestamptz not null default now()
        )`.execute(db)
    },
  },
]
