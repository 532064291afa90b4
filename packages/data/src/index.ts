export { nearestName, VolantError } from './errors.js'
export type { ImportProgress } from './import/blocks.js'
export type { Format } from './import/head.js'
export { type OpenOptions, openTable } from './import/open.js'
export { readTexts, type TextsOptions } from './import/texts.js'
export {
  canonicalRow,
  type Deduplication,
  deduplicate,
  duplicateKeys,
  normalisedText,
  rowHash,
} from './prepare/duplicates.js'
export { randomStream, shuffledIndices } from './prepare/random.js'
export { type Split, type SplitOptions, split } from './prepare/split.js'
export type { ColumnProfile } from './profile/column.js'
export type { LeakageSuspect } from './profile/leakage.js'
export type { Duplicates, Overlap } from './profile/overlap.js'
export { type ProfileOptions, profile } from './profile/profile.js'
export { renderProfile } from './profile/render.js'
export type { Profile, TargetProfile } from './profile/report.js'
export { tableFromRows } from './table/memory.js'
export type { Cell, Column, RejectedRow, Row, RowRange, Table } from './table/table.js'
export { type WriteOptions, writeRows } from './table/write.js'
export { type CleanOptions, cleanText, htmlToText } from './text/clean.js'
export { murmur3 } from './text/hash.js'
export { maskContacts } from './text/mask.js'
export { charNgrams, eachCharNgram, unspacedNgrams, wordNgrams } from './text/ngrams.js'
export { type WordOptions, words } from './text/words.js'
export {
  type ColumnType,
  inferOutputType,
  inferType,
  isMissing,
  isMissingNumber,
  missingLabels,
  parseBoolean,
  parseNumber,
} from './types.js'
export { type DatasetVersion, listDatasetVersions } from './versions/manifest.js'
export type { DatasetRow, RowMetadata } from './versions/row.js'
export {
  type OpenVersion,
  readDatasetVersion,
  type WriteVersionOptions,
  writeDatasetVersion,
} from './versions/versions.js'
