export { trainRoutes } from './routes.js'
export { Runs } from './runs.js'
export {
  jobState,
  run as runSchema,
} from './schema.js'
export { type FormField, trainMigrations } from './store.js'
export { versionRoutes } from './version-routes.js'
export { Versions } from './versions.js'
