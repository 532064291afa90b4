import { mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Tensor, writeSafetensors } from '@volant/graph'
import { walk } from '@volant/nn'
import { Config } from '../architectures/config.js'
import { joined } from '../architectures/fused.js'
import { writtenTensor } from '../architectures/names.js'
import { encoderOf } from '../architectures/registry.js'
import { quantisedTensors, rowScalesConfig } from '../files/row-scales.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { saveTokeniser } from '../tokenisers/train/train.js'
import type { Pooling } from './pooling.js'
import { type EncoderDescription, encoderNetwork, type PretrainedEncoder } from './pretrained.js'

export interface WriteOptions {
  /** Matrices as 8-bit whole numbers with a scale a row: a quarter of the size. Default float32. */
  readonly quantise?: 'int8'
  /** README.md, the model card. */
  readonly card?: string
}

/**
 * Writes an encoder as a folder of the sentence-transformers layout, which is one of the Hugging Face layout too: config.json, the
 * tokeniser, model.safetensors, modules.json with its pooling. What is at `folder` is replaced when all is written.
 */
export async function writeEncoder(
  folder: string,
  { description, weights }: PretrainedEncoder,
  { quantise, card }: WriteOptions = {},
): Promise<void> {
  const partial = `${folder}.partial`
  const write = (name: string, value: unknown) =>
    writeFile(join(partial, name), typeof value === 'string' ? value : `${JSON.stringify(value, null, 2)}\n`)
  await rm(partial, { recursive: true, force: true })
  await mkdir(partial, { recursive: true })
  const { quantization_config: _, ...config } = description.config
  await write('config.json', { ...config, ...(quantise && { quantization_config: rowScalesConfig }) })
  await saveTokeniser(new Tokeniser(description.tokeniser), partial)
  // What the architecture itself says needs no modules.
  if (!architectureOf(description).pooling) {
    await mkdir(join(partial, '1_Pooling'))
    await write('modules.json', modulesOf(description.pooling))
    await write('1_Pooling/config.json', poolingConfig(description.pooling, encoderNetwork(description).width))
    await write('sentence_bert_config.json', { max_seq_length: description.longest, do_lower_case: false })
  }
  if (card !== undefined) await write('README.md', card)
  const tensors = tensorsOf(description, await weights())
  const file = writeSafetensors(quantise ? quantisedTensors(tensors) : tensors, { format: 'pt' })
  await writeFile(join(partial, 'model.safetensors'), file)
  await rm(folder, { recursive: true, force: true })
  await rename(partial, folder)
}

const architectureOf = ({ config, base }: EncoderDescription) => encoderOf(new Config(config, base.name))

/** All weights under the names and in the shapes of files. */
function tensorsOf(description: EncoderDescription, weights: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const { names, fused = {} } = architectureOf(description)
  const paths = [...walk(encoderNetwork(description)).parameters.values()]
  return joined(new Map(paths.map((path) => writtenTensor(path, weights.get(path)!, names))), fused)
}

function modulesOf({ normalise }: Pooling) {
  const module = (idx: number, kind: string, path: string) => ({
    idx,
    name: String(idx),
    path,
    type: `sentence_transformers.models.${kind}`,
  })
  const modules = [module(0, 'Transformer', ''), module(1, 'Pooling', '1_Pooling')]
  return normalise ? [...modules, module(2, 'Normalize', '2_Normalize')] : modules
}

const poolingConfig = ({ mode }: Pooling, width: number) => ({
  word_embedding_dimension: width,
  pooling_mode_cls_token: mode === 'first',
  pooling_mode_mean_tokens: mode === 'mean',
  pooling_mode_max_tokens: mode === 'max',
})
