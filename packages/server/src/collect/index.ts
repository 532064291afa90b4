export { inputsKey } from './equal.js'
export { checkColumns, Datasets, fieldsOf, TYPED_ROWS } from './logic.js'
export { type Received, readReceived } from './receive.js'
export { collectRoutes, fileOf, takeFiles } from './routes.js'
export {
  type DataRow,
  type Rejected,
  rowsFolder,
  type VersionPlace,
  VersionRows,
  withOrigin,
  writeRows,
} from './rows.js'
export {
  type Dataset,
  datasetRow as datasetRowSchema,
  type Upload,
  upload as uploadSchema,
} from './schema.js'
export { collectMigrations } from './store.js'
