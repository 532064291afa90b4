import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Tensor, writeSafetensors } from '@volant/graph'
import { walk } from '@volant/nn'
import { joined } from '../architectures/fused.js'
import { writtenTensor } from '../architectures/names.js'
import { writeFolder } from '../files/folder.js'
import { quantisedTensors, rowScalesConfig } from '../files/row-scales.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { saveTokeniser } from '../tokenisers/train/train.js'
import type { Pooling } from './pooling.js'
import { architectureOf, type EncoderDescription, encoderNetwork, type PretrainedEncoder } from './pretrained.js'

export interface WriteOptions {
  /** Matrices as 8-bit whole numbers with a scale a row: a quarter of the size. Default float32. */
  readonly quantise?: 'int8'
  /** README.md, the model card. */
  readonly card?: string
  /** Tensors of a head, by the names that files have; with them all names begin with that of the encoder, as `bert.`. */
  readonly head?: ReadonlyMap<string, Tensor>
}

/**
 * Writes an encoder as a folder of the sentence-transformers layout, which is one of the Hugging Face layout too: config.json, the
 * tokeniser, model.safetensors, modules.json with its pooling. What is at `folder` is replaced when all is written.
 */
export async function writeEncoder(
  folder: string,
  { description, weights }: PretrainedEncoder,
  { quantise, card, head }: WriteOptions = {},
): Promise<void> {
  await writeFolder(folder, async (partial, write) => {
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
    const tensors = tensorsOf(description, await weights(), head)
    const file = writeSafetensors(quantise ? quantisedTensors(tensors) : tensors, { format: 'pt' })
    await writeFile(join(partial, 'model.safetensors'), file)
  })
}

/** All weights under the names and in the shapes of files. */
function tensorsOf(
  description: EncoderDescription,
  weights: ReadonlyMap<string, Tensor>,
  head: ReadonlyMap<string, Tensor> | undefined,
): Map<string, Tensor> {
  const { names, prefixes, fused = {} } = architectureOf(description)
  const prefix = head ? prefixes[0] : ''
  const paths = [...walk(encoderNetwork(description)).parameters.values()]
  const own = paths.map((path) => {
    const [name, tensor] = writtenTensor(path, weights.get(path)!, names)
    return [prefix + name, tensor] as const
  })
  return joined(new Map([...own, ...(head ?? [])]), fused)
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
