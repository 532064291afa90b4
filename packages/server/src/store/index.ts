export type { Artifacts, Source, Stored, Tree } from './artifacts.js'
export { restoreBackup } from './backups.js'
export { type ColumnType, insertMany, json, orderedJson } from './batch.js'
export { isCode } from './database.js'
export { writeWhole } from './files.js'
export { newId } from './ids.js'
export {
  type Appended,
  Journal,
  type JournalEntry,
  type JournalKind,
  type JournalOptions,
  type JournalRecord,
  journalMigrations,
} from './journal/index.js'
export type { Migration } from './migrations.js'
export { type Log, openStore, type Store, type StoreOptions, silent } from './store.js'
export type { Tables } from './tables.js'
