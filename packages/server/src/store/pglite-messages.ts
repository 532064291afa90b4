/** What the main thread asks of the PGlite worker, and what comes back. */
export type Ask =
  | { op: 'query'; id: number; sql: string; params: unknown[] }
  | { op: 'exec'; id: number; sql: string }
  | { op: 'listen'; id: number; channel: string }
  | { op: 'unlisten'; id: number; listener: number }
  | { op: 'dump'; id: number }
  | { op: 'close'; id: number }

export type Answer =
  | { op: 'ready' }
  | { op: 'done'; id: number; value: unknown }
  | { op: 'failed'; id: number; error: ErrorFields }
  | { op: 'notified'; id: number; payload: string }

/** `folder`: where the database lives. */
export interface WorkerSettings {
  folder: string
}

/** The fields of a PostgreSQL error that both PGlite and a server give. */
export interface ErrorFields {
  message: string
  code?: string
  detail?: string
  hint?: string
  constraint?: string
  table?: string
  column?: string
}
