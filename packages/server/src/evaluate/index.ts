export { Evaluations, primaryOf } from './logic.js'
export {
  type Evaluation,
  evaluation as evaluationSchema,
  type Gate,
  gate as gateSchema,
  measured as measuredSchema,
  type Scored,
} from './schema.js'
export { ALONE, measureScores, scoresOf } from './scores.js'
export { evaluateMigrations, insertEvaluation } from './store.js'
