export { Predictions } from './logic.js'
export { serveRoutes } from './routes.js'
export { byPrediction, outputs as outputsSchema, type Outputs, prediction as predictionSchema, type Prediction } from './schema.js'
export { type PredictionRecord, predictionKind, serveMigrations } from './store.js'
