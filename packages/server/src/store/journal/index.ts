export type { JournalKind } from './consumer.js'
export { type Appended, Journal, type JournalOptions } from './journal.js'
export type { JournalEntry, JournalRecord } from './lines.js'
export { journalMigrations } from './schema.js'
