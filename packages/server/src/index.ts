export { problems } from './errors.js'
export { type RunningServer, type ServerOptions, startServer } from './server.js'
