export { Access, type Key, ownChannel } from './access.js'
export { allow, type Principal, type Scope, scopes } from './principal.js'
export { accessMigrations } from './schema.js'
