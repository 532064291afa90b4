import { type Generated, sql } from 'kysely'
import type { Migration } from '../store/index.js'

declare module '../store/tables.js' {
  interface Tables {
    job_progress: {
      job: string
      /** The data folder whose server runs it. */
      owner: string
      share: number | null
      stage: string | null
      seconds_left: number | null
      updated_at: Generated<Date>
    }
    job_log: { job: string; n: number; at: Date; text: string }
  }
}

export const jobsMigrations: Migration[] = [
  {
    name: '0020-jobs',
    up: async (db) => {
      await sql`
        create table job_progress (
          job text primary key,
          owner text not null,
          share float8,
          stage text,
          seconds_left float8,
          updated_at timestamptz not null default now()
        )`.execute(db)
      await sql`
        create table job_log (
          job text not null,
          n int4 not null,
          at timestamptz not null,
          text text not null,
          primary key (job, n)
        )`.execute(db)
    },
  },
]
