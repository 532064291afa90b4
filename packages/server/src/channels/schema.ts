import { type Generated, sql } from 'kysely'
import type { Migration } from '../store/index.js'

declare module '../store/tables.js' {
  interface Tables {
    channels: {
      name: string
      kind: string
      plan: string | null
      quota_predictions: string | null
      quota_per: 'day' | 'month' | null
      created_at: Generated<Date>
      updated_at: Generated<Date>
    }
    channel_usage: {
      project: string
      channel: string
      version: string
      /** UTC, `2026-03-31`. */
      day: string
      predictions: string
      errors: string
      feedback: string
    }
    /** What requests to language models used. */
    token_usage: {
      channel: string
      /** The id of the key; '' where none was needed. */
      key: string
      model: string
      /** UTC, `2026-03-31`. */
      day: string
      predictions: string
      prompt_tokens: string
      completion_tokens: string
    }
  }
}

export const channelsMigrations: Migration[] = [
  {
    name: '0040-channels',
    up: async (db) => {
      await sql`
        create table channels (
          name text primary key,
          kind text not null,
          plan text,
          quota_predictions bigint,
          quota_per text,
          created_at timestamptz not null default now(),
          updated_at timestamptz not null default now()
        )`.execute(db)
      await sql`
        create table channel_usage (
          project text not null,
          channel text not null,
          version text not null,
          day text not null,
          predictions bigint not null,
          errors bigint not null,
          feedback bigint not null,
          primary key (project, channel, version, day)
        )`.execute(db)
      await sql`create index channel_usage_by_channel on channel_usage (channel, day)`.execute(db)
    },
  },
  {
    name: '0041-token-usage',
    up: async (db) => {
      await sql`
        create table token_usage (
          channel text not null,
          key text not null,
          model text not null,
          day text not null,
          predictions bigint not null,
          prompt_tokens bigint not null,
          completion_tokens bigint not null,
          primary key (channel, key, model, day)
        )`.execute(db)
    },
  },
]
