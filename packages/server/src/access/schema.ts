import { type Generated, sql } from 'kysely'
import type { Migration } from '../store/index.js'
import type { Scope } from './principal.js'

declare module '../store/tables.js' {
  interface Tables {
    access_keys: {
      id: string
      name: string
      channel: string
      /** null: all projects. */
      project: string | null
      scopes: Scope[]
      /** sha256 of the secret part, which has 256 random bits: no slow hash is needed. */
      hash: Uint8Array
      owner: boolean
      created_at: Generated<Date>
      last_used_at: Date | null
      revoked_at: Date | null
    }
  }
}

export const accessMigrations: Migration[] = [
  {
    name: '0030-access-keys',
    up: async (db) => {
      await sql`
        create table access_keys (
          id text primary key,
          name text not null,
          channel text not null,
          project text,
          scopes jsonb not null,
          hash bytea not null,
          owner boolean not null,
          created_at timestamptz not null default now(),
          last_used_at timestamptz,
          revoked_at timestamptz
        )`.execute(db)
    },
  },
]
