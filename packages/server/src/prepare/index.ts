export { TestSets } from './logic.js'
export { maskJson, maskRow } from './mask.js'
export { prepareRoutes } from './routes.js'
export { prepareMigrations } from './store.js'
