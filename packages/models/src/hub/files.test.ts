import { expect, it } from 'vitest'
import { chooseFiles } from './files.js'

const weightsOf = (names: string[], file?: string) => chooseFiles(names, file).weights

it('takes the weights once, safetensors before PyTorch, an index after its shards', () => {
  expect(weightsOf(['pytorch_model.bin', 'model.safetensors', 'tf_model.h5'])).toEqual(['model.safetensors'])
  expect(weightsOf(['pytorch_model.bin', 'flax_model.msgpack'])).toEqual(['pytorch_model.bin'])
  const shards = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
  expect(weightsOf(['model.safetensors.index.json', ...shards, 'pytorch_model.bin'])).toEqual([
    ...shards,
    'model.safetensors.index.json',
  ])
})

it('takes modules of sentence-transformers with their weights, the own weights last', () => {
  const { companions, weights } = chooseFiles([
    'modules.json',
    'model.safetensors',
    '1_Pooling/config.json',
    '2_Dense/config.json',
    '2_Dense/model.safetensors',
    '2_Dense/pytorch_model.bin',
    'onnx/model.onnx',
    'onnx/config.json',
  ])
  expect(companions).toEqual(['modules.json', '1_Pooling/config.json', '2_Dense/config.json'])
  expect(weights).toEqual(['2_Dense/model.safetensors', 'model.safetensors'])
})

it('takes a GGUF file when it is the only one or named', () => {
  expect(weightsOf(['a.gguf', 'README.md'])).toEqual(['a.gguf'])
  expect(weightsOf(['a.gguf', 'b.gguf'])).toEqual([])
  expect(weightsOf(['a.gguf', 'b.gguf'], 'b.gguf')).toEqual(['b.gguf'])
})

it('takes no name that leads out of the folder', () => {
  expect(chooseFiles(['../config.json', '/etc/model.safetensors', '1_x/../../model.safetensors'])).toEqual({
    companions: [],
    weights: [],
  })
  expect(weightsOf(['../a.gguf'], '../a.gguf')).toEqual([])
})
