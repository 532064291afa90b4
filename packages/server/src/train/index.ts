export { trainRoutes } from './routes.js'
export { Runs } from './runs.js'
export {
  byVersion,
  jobState,
  type ModelVersion,
  modelVersion as modelVersionSchema,
  progress as progressSchema,
  type Run,
  run as runSchema,
} from './schema.js'
export { type Form, type FormField, trainMigrations } from './store.js'
export { versionRoutes } from './version-routes.js'
export { type LiveVersions, Versions } from './versions.js'
