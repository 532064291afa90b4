export { GraphBuilder } from './builder.js'
export { checkGraph } from './check.js'
export {
  addDims,
  type Dim,
  dim,
  divideDims,
  floorDivideDims,
  multiplyDims,
  printShape,
  type Shape,
  sameShape,
  sizeOf,
  subtractDims,
} from './dims.js'
export { GraphError } from './error.js'
export { clippedGradients, exampleGradientNorms } from './example-gradients.js'
export {
  elu,
  geglu,
  geluTanh,
  glu,
  hardSigmoid,
  hardSwish,
  leakyRelu,
  mish,
  prelu,
  relu6,
  selu,
  silu,
  softplus,
  swiglu,
} from './functions/activations.js'
export {
  type AttentionOptions,
  attention,
  type RotaryOptions,
  rotary,
  sinusoids,
} from './functions/attention.js'
export {
  type ConvOptions,
  type ConvTransposeOptions,
  conv1d,
  conv2d,
  convTranspose1d,
  convTranspose2d,
} from './functions/convolution.js'
export { einsum } from './functions/einsum.js'
export {
  abs,
  add,
  and,
  cast,
  clip,
  div,
  equal,
  erf,
  exp,
  floor,
  gelu,
  greater,
  greaterOrEqual,
  isNotANumber as isNaN,
  less,
  lessOrEqual,
  log,
  maximum,
  minimum,
  mul,
  neg,
  not,
  or,
  pow,
  relu,
  sigmoid,
  sign,
  sqrt,
  square,
  stopGradient,
  sub,
  sumOf,
  tanh,
  where,
} from './functions/elementwise.js'
export { type FourBitMatrix, linearFourBit } from './functions/four-bit.js'
export {
  binaryCrossEntropy,
  type CrossEntropyOptions,
  crossEntropy,
  dropout,
  embeddingBag,
  feedForward,
  layerNorm,
  linear,
  logSoftmax,
  type MatMulOptions,
  matMul,
  maxOverTime,
  softmax,
} from './functions/layers.js'
export { batchNorm, fixedBatchNorm, groupNorm, instanceNorm, rmsNorm } from './functions/normalisation.js'
export { padEdge, padReflect } from './functions/padding.js'
export {
  type AveragePoolOptions,
  adaptiveAveragePool,
  adaptiveMaxPool,
  averagePool1d,
  averagePool2d,
  globalAveragePool,
  globalMaxPool,
  type MaxPoolOptions,
  maxPool1d,
  maxPool2d,
} from './functions/pooling.js'
export {
  type GruWeights,
  gru,
  lstm,
  type Recurrent,
  type RecurrentOptions,
  type RecurrentWeights,
  rnn,
} from './functions/recurrent.js'
export {
  argMax,
  argMin,
  type CumSumOptions,
  cumSum,
  logSumExp,
  meanSquare,
  reduceMax,
  reduceMean,
  reduceMin,
  reduceProduct,
  reduceSum,
  reduceSumSquare,
  standardDeviation,
  type TopKOptions,
  topK,
  variance,
} from './functions/reductions.js'
export { type ResizeOptions, resize } from './functions/resize.js'
export { type ChainWeights, type CtcOptions, crfLoss, ctcLoss } from './functions/sequences.js'
export {
  concat,
  dimension,
  expand,
  fill,
  flip,
  gather,
  gatherElements,
  oneHot,
  pad,
  range,
  reshape,
  type SliceOptions,
  scatterAdd,
  scatterElements,
  scatterElementsAdd,
  scatterRows,
  shapeOf,
  slice,
  split,
  squeeze,
  transpose,
  unsqueeze,
  zerosLike,
} from './functions/shape.js'
export type { Padding, PerAxis, WindowOptions } from './functions/windows.js'
export { gradients } from './gradients.js'
export type { Attributes, Builder, Graph, Node, Value, ValueInfo } from './graph.js'
export { assertSafeAliasing, type StatePair } from './onnx/aliasing.js'
export { decodeOnnx, encodeOnnx, encodeOnnxApart, type TensorApart } from './onnx/codec.js'
export type { Target } from './onnx/emitter.js'
export { importOnnx } from './onnx/import.js'
export { lower } from './onnx/lower.js'
export type { OnnxAttribute, OnnxGraph, OnnxModel, OnnxNode, OnnxValueInfo } from './onnx/model.js'
export { ops } from './ops/table.js'
export { Calibration } from './passes/calibration.js'
export { shareCommonSubexpressions } from './passes/common-subexpressions.js'
export { type DeadCodeOptions, removeDeadCode } from './passes/dead-code.js'
export { type DynamicInt8Options, quantiseDynamic } from './passes/dynamic-int8.js'
export { foldConstants } from './passes/fold-constants.js'
export { FOUR_BIT_BLOCK, packFourBit, quantiseWeightsTo4Bit } from './passes/four-bit.js'
export type { PassedGraph } from './passes/graph-rewriter.js'
export { convertToHalf, type HalfPrecisionOptions } from './passes/half-precision.js'
export { fuseForInference } from './passes/inference-fusions.js'
export { mergeProjections } from './passes/merge-projections.js'
export type { Range, RangeMethod } from './passes/observer.js'
export type { PassedModel } from './passes/onnx-rewriter.js'
export type { WhichProducts } from './passes/products.js'
export { type Pruned, type PruneOptions, pruneByMagnitude } from './passes/prune.js'
export { type PassReport, type Place, printReport } from './passes/report.js'
export { quantiseStatic } from './passes/static-int8.js'
export { printGraph } from './print.js'
export {
  parseSafetensorsHeader,
  readSafetensors,
  SafetensorsError,
  type SafetensorsHeader,
  safetensorsHeaderLength,
  safetensorsStart,
  type TensorInfo,
  writeSafetensors,
} from './safetensors.js'
export {
  arrayFromBytes,
  bytesOf,
  bytesPerElement,
  type DType,
  elementCount,
  type Tensor,
  type TypedArray,
  tensorOf,
} from './tensor.js'
