export { Predictions } from './logic.js'
export { serveRoutes } from './routes.js'
export {
  byPrediction,
  type Outputs,
  outputs as outputsSchema,
  prediction as predictionSchema,
} from './schema.js'
export { type PredictionRecord, predictionKind, serveMigrations } from './store.js'
