export { type Blend, blendClasses, blendNumbers, type ClassCandidates, type NumberCandidates } from './blend.js'
export {
  type BootstrapOptions,
  bootstrapIntervals,
  type Interval,
  type PairedDifference,
  pairedBootstrap,
} from './bootstrap.js'
export { fitTemperature, softmaxAt } from './calibration.js'
export { type ComparedOutput, type JointDifference, jointBootstrap } from './joint.js'
export { type ClassOutcomes, classOutcomes, type NumberOutcomes, numberOutcomes, type Outcomes } from './outcomes.js'
export { compareModels, gain, PRIMARY_METRIC } from './primary.js'
export {
  type ClassRow,
  type Confusion,
  type Coverage,
  confusionMatrix,
  coverageAtPrecision,
  perClass,
  type ReliabilityBin,
  reliability,
  topConfusions,
} from './report.js'
export { retrievalReport } from './retrieval.js'
export { bestThreshold, labelReport, scoreReport } from './similarity.js'
export { METRICS, type MetricName, type MetricValues, measure, measureAll, metricNames } from './table.js'
export type { VectorReport } from './vector-report.js'
