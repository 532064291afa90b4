import type { Tensor } from '@volant/graph'
import { mergeAdapters } from '@volant/nn'
import { readAdapter } from '../adapters/read.js'
import { adapterFiles } from '../adapters/write.js'
import type { EncoderNetwork } from '../architectures/architecture.js'
import { architectureOf, type EncoderDescription, encoderNetwork, type PretrainedEncoder } from './pretrained.js'

/**
 * An encoder with an adapter folder of PEFT folded in. What the adapter holds besides, such as a head, is left aside. Throws
 * ModelsError, among others `other-base`.
 */
export async function withEncoderAdapter(encoder: PretrainedEncoder, folder: string): Promise<PretrainedEncoder> {
  const { description } = encoder
  const network = encoderNetwork(description)
  const architecture = architectureOf(description)
  const hash = description.base.sha256
  const read = await readAdapter(folder, { network, architecture, weights: await encoder.weights(), hash })
  const weights = mergeAdapters(read.weights, network)
  return { description, weights: async () => weights }
}

/**
 * The files of the folder that PEFT reads: the adapters of an encoder's network, whose weights by path are `weights`. Throws
 * ModelsError `no-adapter`.
 */
export function encoderAdapterFiles(
  description: EncoderDescription,
  network: EncoderNetwork,
  weights: ReadonlyMap<string, Tensor>,
): Map<string, Uint8Array | string> {
  const { name, sha256 } = description.base
  return adapterFiles({
    network,
    architecture: architectureOf(description),
    weights,
    base: { name, hash: sha256 },
    task: 'FEATURE_EXTRACTION',
  })
}
