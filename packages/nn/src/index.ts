export { binaryCrossEntropy, crossEntropy } from '@volant/graph'
export { presentDevices } from '#platform'
export { NnError } from './errors.js'
export type { BeamOptions, Hypothesis } from './generation/beam.js'
export { type GenerationOptions, TextGenerator } from './generation/generate.js'
export { type SamplingOptions, sampleToken } from './generation/sampling.js'
export { padded, SequenceTranslator } from './generation/translate.js'
export { type CsrMatrix, csrFromRows, type LinearModel, linearScores } from './linear/matrix.js'
export { type RidgeSettings, trainRidge } from './linear/ridge.js'
export type { Convergence, LinearSettings } from './linear/settings.js'
export { trainSoftmax } from './linear/softmax.js'
export { type SquaredHingeSettings, trainSquaredHinge } from './linear/squared-hinge.js'
export {
  type ContrastiveOptions,
  contrastiveLoss,
  cosineSimilarity,
  type TripletOptions,
  tripletLoss,
  unitLength,
} from './losses/contrastive.js'
export { cosineDistance, type DistillationOptions, distillationLoss } from './losses/distillation.js'
export type { MeanOptions } from './losses/mean.js'
export { marginRankingLoss, type PairwiseOptions, pairwiseLoss } from './losses/ranking.js'
export { huber, meanSquaredError, quantileLoss, type RegressionOptions } from './losses/regression.js'
export {
  type AdapterOptions,
  adaptedLayers,
  addAdapters,
  mergeAdapters,
  mergedWeight,
  removeAdapters,
} from './modules/adapters.js'
export {
  type AttentionInputs,
  AttentionPooling,
  type AttentionSettings,
  type KeysAndValues,
  MultiHeadAttention,
  type Past,
} from './modules/attention.js'
export { BatchNorm, type BatchNormOptions } from './modules/batch-norm.js'
export { Context, type ContextOptions } from './modules/context.js'
export {
  Conv1d,
  type Conv1dOptions,
  Conv2d,
  type Conv2dOptions,
  ConvTranspose2d,
  type ConvTranspose2dOptions,
} from './modules/convolution.js'
export { CRF } from './modules/crf.js'
export { Embedding, EmbeddingBag, PositionEmbedding, type TableOptions } from './modules/embedding.js'
export { FeedForward, type FeedForwardActivation, type FeedForwardOptions } from './modules/feed-forward.js'
export { freezeAllBut, type GrownHead, growClasses } from './modules/fine-tuning.js'
export { fourBitTensors, useFourBits } from './modules/four-bit.js'
export { FourBitWeight } from './modules/four-bit-weight.js'
export { GroupNorm } from './modules/group-norm.js'
export {
  constant as constantInitialiser,
  glorot,
  he,
  type Initialiser,
  normal,
  ones,
  uniform,
  zeros,
} from './modules/initialisers.js'
export { type Activation, Linear, MLP } from './modules/linear.js'
export { LoraAdapter, type LoraOptions } from './modules/lora.js'
export { bankAdapters, type TrainedAdapter } from './modules/lora-bank.js'
export { columnNorms } from './modules/lora-weights.js'
export { Module } from './modules/module.js'
export { Dropout, LayerNorm, RmsNorm } from './modules/normalisation.js'
export { matchesPath } from './modules/paths.js'
export {
  GRU,
  LSTM,
  type RecurrentInputs,
  type RecurrentOutput,
  type RecurrentSettings,
  RNN,
  type States,
} from './modules/recurrent.js'
export { flatten, type Layer, Sequential } from './modules/sequential.js'
export { TextConvolution } from './modules/text-convolution.js'
export {
  type DecoderInputs,
  TransformerDecoder,
  TransformerEncoder,
  type TransformerEncoderOptions,
  type TransformerOptions,
} from './modules/transformer.js'
export { initialise, Parameter, parameterCount, Statistic, walk } from './modules/tree.js'
export { Autoencoder, type AutoencoderOptions } from './networks/autoencoder.js'
export { Cnn, type CnnOptions } from './networks/cnn.js'
export { EncoderDecoder, type EncoderDecoderOptions, type TeacherInputs } from './networks/encoder-decoder.js'
export { GPT, type GptOptions, nextTokenLoss } from './networks/gpt.js'
export { LanguageModel, type LanguageModelOptions, openReader } from './networks/language-model.js'
export { LeNet } from './networks/lenet.js'
export { MobileNet, type MobileNetOptions, type MobileNetStage } from './networks/mobilenet.js'
export { ResNet, type ResNetOptions } from './networks/resnet.js'
export { Tagger, type TaggerOptions } from './networks/tagger.js'
export { TextClassifier, type TextClassifierOptions } from './networks/text-classifier.js'
export type { Averaging } from './optimisers/averaging.js'
export { adam, adamW, rmsProp, sgd } from './optimisers/optimisers.js'
export {
  constant,
  cosine,
  exponentialDecay,
  oneCycle,
  type Schedule,
  stepDecay,
  warmUp,
} from './optimisers/schedules.js'
export type { Optimiser, Term, Transform, UpdateContext } from './optimisers/transform.js'
export {
  accumulateMomentum,
  decayWeights,
  layerwiseRates,
  type PerPattern,
  scaleByAdam,
  scaleByLearningRate,
  scaleByPattern,
  scaleByRms,
} from './optimisers/transforms.js'
export { optimiserScalars } from './optimisers/update.js'
export { joinProcesses, type ProcessGroup, startedByMpi } from './parallel/group.js'
export { hashName, Random } from './random.js'
export { compute, type Nested } from './runtime/compute.js'
export type { Device } from './runtime/devices.js'
export { trainingEnvironment } from './runtime/environment.js'
export type { Runtime } from './runtime/interface.js'
export { openLowered } from './runtime/lowered.js'
export type { Port } from './runtime/onnx-session.js'
export type { Program, TableAccess, Update } from './runtime/program.js'
export { createRuntime, type RuntimeOptions } from './runtime/runtime.js'
export { openSession, type Session, type SessionOptions } from './runtime/session.js'
export { ctcBeam, ctcGreedy } from './sequences/ctc.js'
export { type LegalMoves, type Span, spanF1, TagScheme, type TagStyle } from './sequences/tags.js'
export { type ChainScores, viterbi } from './sequences/viterbi.js'
export { readCheckpoint } from './trainer/checkpoint.js'
export {
  compileEvaluation,
  compileTraining,
  type Inputs,
  type InputType,
  type TrainingGraph,
  type TrainingPrograms,
} from './trainer/compile.js'
export { findLearningRate, type RateCurve, type RatePoint, type RateRange } from './trainer/find-rate.js'
export { firstState } from './trainer/first-state.js'
export type {
  Batch,
  EpochRecord,
  Predict,
  TrainEvent,
  TrainingData,
  TrainResult,
  TrainSettings,
  Validation,
} from './trainer/settings.js'
export { meanLoss, train } from './trainer/train.js'
