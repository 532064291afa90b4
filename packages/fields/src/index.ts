export { joinProcesses, type ProcessGroup, trainingEnvironment } from '@volant/nn'
export type { Examples, ModelFile, PlainTensor, Signature, TensorSignature } from './folder/format.js'
export {
  type Blend,
  type BootstrapOptions,
  bestThreshold,
  blendClasses,
  blendNumbers,
  bootstrapIntervals,
  type ClassCandidates,
  type ClassOutcomes,
  type ClassRow,
  type ComparedOutput,
  type Confusion,
  type Coverage,
  classOutcomes,
  compareModels,
  confusionMatrix,
  coverageAtPrecision,
  fitTemperature,
  gain,
  type Interval,
  type JointDifference,
  jointBootstrap,
  labelReport,
  METRICS,
  type MetricName,
  type MetricValues,
  measure,
  measureAll,
  metricNames,
  type NumberCandidates,
  type NumberOutcomes,
  numberOutcomes,
  type Outcomes,
  type PairedDifference,
  PRIMARY_METRIC,
  pairedBootstrap,
  perClass,
  type ReliabilityBin,
  reliability,
  retrievalReport,
  scoreReport,
  softmaxAt,
  topConfusions,
  type VectorReport,
} from './metrics/index.js'
export {
  type Answers,
  type BooleanAnswer,
  boolean,
  type CategoryAnswer,
  category,
  type InputField,
  type InputRow,
  type Model,
  type ModelTrainOptions,
  model,
  type NumberAnswer,
  number,
  type OutputField,
  type Source,
  type Trained,
  text,
} from './model.js'
export { type EvaluateReport, type LoadOptions, loadModel, type TrainedModel } from './predict/model.js'
export {
  isPredictionError,
  type OutputPrediction,
  type Prediction,
  type PredictionError,
} from './predict/prediction.js'
export type { OutputScores, RowScores } from './predict/score.js'
export type { FieldTypeName } from './registry.js'
export { type InferOptions, type InferredSpec, inferSpec, type LeftOutColumn } from './spec/infer.js'
export { parseSpec, specJsonSchema } from './spec/parse.js'
export {
  type EncoderName,
  encoderNames,
  type InputSettings,
  type OutputSettings,
  type Spec,
  type SpecInput,
  type TrainSettings,
} from './spec/schema.js'
export { specYaml } from './spec/yaml.js'
export type { TrainEvent, TrainPhase } from './train/events.js'
export type { ByOutput, Intervals, Metrics } from './train/measure.js'
export type { SplitReport } from './train/parts.js'
export type { Measured, TrainReport } from './train/report.js'
export { type TrainOptions, train } from './train/train.js'
