export { Evaluations, primaryOf } from './logic.js'
export {
  type Evaluation,
  evaluation as evaluationSchema,
  type Gate,
  gate as gateSchema,
  type Measured,
  measured as measuredSchema,
  type Scored,
} from './schema.js'
export { ALONE, compareScores, measureScores, type Scores, scoresOf } from './scores.js'
export { evaluateMigrations, insertEvaluation, type NewEvaluation } from './store.js'
