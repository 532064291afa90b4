export { Projects } from './logic.js'
export { needsRoutes } from './routes.js'
export { type Need, type Project, project as projectSchema } from './schema.js'
export { needsMigrations, ofLiving } from './store.js'
