export { Endpoints } from './logic.js'
export { deployRoutes } from './routes.js'
export { type Endpoint, endpoint as endpointSchema, endpointName } from './schema.js'
export { deployMigrations } from './store.js'
