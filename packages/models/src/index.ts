export { hashWeights } from './adapters/base.js'
export { type AdapterBase, type LoadedAdapter, type NamedArchitecture, readAdapter } from './adapters/read.js'
export { type WrittenAdapter, writeAdapter } from './adapters/write.js'
export type { EncoderInputs, EncoderNetwork } from './architectures/architecture.js'
export { ownBases } from './bases/own.js'
export type { JsonSchema } from './constraints/json-schema.js'
export { type Adapted, readDecoderAdapter, writeMergedDecoder } from './decoders/adapter.js'
export {
  type Chat,
  chatBatch,
  chatInputs,
  type EncodedChat,
  encodeChat,
  holdOut,
  packChats,
  readChats,
} from './decoders/chats.js'
export {
  type DecoderDescription,
  decoderNetwork,
  fourBitNetwork,
  openDecoder,
  type PretrainedDecoder,
} from './decoders/pretrained.js'
export { type TextOptions, TextWriter, type WriterOptions, type Writing } from './decoders/text.js'
export { answerLoss, type TunedDecoder, type TuneOptions, tuneDecoder } from './decoders/tune.js'
export { type DistilEvent, type Distilled, type DistilSettings, distilEncoder } from './distil/distil.js'
export { distilStatic, type StaticSettings } from './distil/static.js'
export type { Student } from './distil/student.js'
export { partsOf } from './distil/texts.js'
export { encoderAdapterFiles, withEncoderAdapter } from './encoders/adapter.js'
export { type EmbedderOptions, type Embeddings, type EmbedOptions, TextEmbedder } from './encoders/embedder.js'
export type { EmbeddingExamples, LabelledTexts, ScoredPairs, TextPairs } from './encoders/examples.js'
export { type Neighbour, nearest, products } from './encoders/nearest.js'
export { type Pooling, pool } from './encoders/pooling.js'
export {
  type BaseModel,
  type EncoderDescription,
  encoderNetwork,
  openEncoder,
  type PretrainedEncoder,
} from './encoders/pretrained.js'
export { type TuneOptions as EncoderTuneOptions, tuneEncoder } from './encoders/tune.js'
export { type WriteOptions, writeEncoder } from './encoders/write.js'
export { ModelsError } from './errors.js'
export { checkReplaceable } from './files/folder.js'
export { type GgufMetadata, type GgufValue, type GgufWeights, readGguf } from './files/gguf.js'
export { openWeights } from './files/open.js'
export type { StoredTensor, Weights } from './files/weights.js'
export {
  type CachedModel,
  type CachedRevision,
  cachedFolder,
  cachedModels,
  removeModel,
} from './hub/cached-models.js'
export { describeModel, type ModelDescription } from './hub/describe.js'
export { locateModel } from './hub/locate.js'
export type { PullProgress } from './hub/progress.js'
export { type PulledModel, type PullOptions, pullModel } from './hub/pull.js'
export { type HubSettings, hubSettings } from './hub/settings.js'
export { modelKind } from './kind.js'
export { pretrainable } from './pretrain/families.js'
export { type Pretrained, pretrain } from './pretrain/pretrain.js'
export type { PretrainEvent, PretrainSettings } from './pretrain/settings.js'
export type { ChatMessage, ChatOptions, Span } from './tokenisers/chat.js'
export { fromGguf } from './tokenisers/convert/gguf.js'
export type { AddedToken, ModelJson, TokenizerJson } from './tokenisers/json.js'
export { openTokeniser, readTokeniser } from './tokenisers/open.js'
export type { Role } from './tokenisers/special.js'
export type { DecodeStream } from './tokenisers/stream.js'
export {
  type ChatEncoding,
  type EncodeOptions,
  type Encoding,
  Tokeniser,
  type TokeniserFiles,
  type WordEncoding,
} from './tokenisers/tokeniser.js'
export type { TokeniserKind, TokeniserTraining, TrainingProgress } from './tokenisers/train/settings.js'
export { saveTokeniser, trainTokeniser } from './tokenisers/train/train.js'
export type { Corpus } from './tokenisers/train/words.js'
