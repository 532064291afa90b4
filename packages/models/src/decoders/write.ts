import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Tensor, writeSafetensors } from '@volant/graph'
import { walk } from '@volant/nn'
import { writtenTensor } from '../architectures/names.js'
import { type WriteFile, writeFolder } from '../files/folder.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { saveTokeniser } from '../tokenisers/train/train.js'
import { architectureOf, type DecoderDescription, decoderNetwork } from './pretrained.js'

/** Writes all of a decoder's folder but its weights, which are to be float32: config.json, tokeniser, generation_config.json. */
export async function writeDescription(
  folder: string,
  description: DecoderDescription,
  write: WriteFile,
): Promise<void> {
  await saveTokeniser(new Tokeniser(description.tokeniser), folder)
  const { torch_dtype: _, quantization_config: __, ...config } = description.config
  await write('config.json', { ...config, dtype: 'float32' })
  await write('generation_config.json', { eos_token_id: description.ends })
}

/**
 * Writes a decoder as a model folder that `openDecoder` and transformers read. What is at `folder` is replaced when all is written.
 * @param card README.md, the model card
 */
export async function writeDecoder(
  folder: string,
  { description, weights }: { readonly description: DecoderDescription; readonly weights: ReadonlyMap<string, Tensor> },
  card?: string,
): Promise<void> {
  const { names, prefixes, join: joined } = architectureOf(description)
  const paths = [...walk(decoderNetwork(description)).parameters.values()]
  const own = new Map(paths.map((path) => writtenTensor(path, weights.get(path)!, names)))
  const tensors = [...(joined?.(own) ?? own)].map(([name, tensor]) => [(prefixes[0] ?? '') + name, tensor] as const)
  await writeFolder(folder, async (partial, write) => {
    await writeDescription(partial, description, write)
    if (card !== undefined) await write('README.md', card)
    await writeFile(join(partial, 'model.safetensors'), writeSafetensors(new Map(tensors), { format: 'pt' }))
  })
}
