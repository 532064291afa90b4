export type { JournalKind } from './consumer.js'
export { Journal } from './journal.js'
export type { JournalEntry, JournalRecord } from './lines.js'
export { journalMigrations } from './schema.js'
