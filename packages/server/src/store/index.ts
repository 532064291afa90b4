export type { Artifacts, Source, Stored, Tree, Used } from './artifacts.js'
export { type ColumnType, insertMany, json, orderedJson } from './batch.js'
export { isCode } from './database.js'
export { writeWhole } from './files.js'
export { newId } from './ids.js'
export {
  Journal,
  type JournalEntry,
  type JournalKind,
  type JournalRecord,
  journalMigrations,
} from './journal/index.js'
export { type Log, silent, toStderr } from './log.js'
export type { Migration } from './migrations.js'
export { openStore, type Store } from './store.js'
export type { Tables } from './tables.js'
