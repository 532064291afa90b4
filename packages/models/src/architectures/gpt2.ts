import type { Tensor } from '@volant/graph'
import { GPT } from '@volant/nn'
import type { Weights } from '../files/weights.js'
import { activations } from './activations.js'
import type { DecoderArchitecture } from './architecture.js'
import { joined, separated } from './fused.js'
import { transposed } from './names.js'

const fused = { c_attn: ['query', 'key', 'value'] }

/** The matrices of a block, which files hold as [inputs, outputs]. */
const isTurned = (name: string) => /\.(attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.weight$/.test(name)

/** The weights with all matrices as other models have them, [outputs, inputs]. */
function turned(weights: Weights): Weights {
  const tensors = [...weights.tensors].map(([name, stored]) => {
    const shape = isTurned(name) ? stored.shape.toReversed() : stored.shape
    return [name, { ...stored, shape }] as const
  })
  return {
    tensors: new Map(tensors),
    read: async (name) => (isTurned(name) ? transposed(await weights.read(name)) : weights.read(name)),
    close: () => weights.close(),
  }
}

const turnedBack = (tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> =>
  new Map([...tensors].map(([name, tensor]) => [name, isTurned(name) ? transposed(tensor) : tensor]))

/** GPT-2 (Radford et al. 2019). */
export const gpt2: DecoderArchitecture = {
  type: 'gpt2',
  network(config) {
    config.only('scale_attn_weights', true)
    config.only('scale_attn_by_inverse_layer_idx', false)
    config.only('add_cross_attention', false)
    config.only('tie_word_embeddings', true)
    const width = config.size('n_embd')
    return new GPT({
      vocabulary: config.size('vocab_size'),
      context: config.size('n_positions', 1024),
      width,
      layers: config.layers('n_layer'),
      heads: config.size('n_head'),
      hidden: config.size('n_inner', 4 * width),
      epsilon: config.number('layer_norm_epsilon', { or: 1e-5 }),
      activation: config.choice('activation_function', activations, 'gelu_new'),
      dropout: config.number('resid_pdrop', { or: 0.1 }),
      attentionDropout: config.number('attn_pdrop', { or: 0.1 }),
      tied: true,
    })
  },
  prefixes: ['transformer.'],
  fused,
  view: (weights) => separated(turned(weights), fused),
  join: (tensors) => turnedBack(joined(tensors, fused)),
  names: {
    tokens: 'wte.weight',
    places: 'wpe.weight',
    'decoder.norm': 'ln_f',
    'decoder.layers.*.attentionNorm': 'h.*.ln_1',
    'decoder.layers.*.attention.query': 'h.*.attn.query',
    'decoder.layers.*.attention.key': 'h.*.attn.key',
    'decoder.layers.*.attention.value': 'h.*.attn.value',
    'decoder.layers.*.attention.output': 'h.*.attn.c_proj',
    'decoder.layers.*.feedForwardNorm': 'h.*.ln_2',
    'decoder.layers.*.feedForward.up': 'h.*.mlp.c_fc',
    'decoder.layers.*.feedForward.down': 'h.*.mlp.c_proj',
  },
}
