import type { Tensor } from '@volant/graph'
import { GPT } from '@volant/nn'
import type { StoredTensor, Weights } from '../files/weights.js'
import { activations } from './activations.js'
import type { DecoderArchitecture } from './architecture.js'
import { transposed } from './names.js'

/** The linear layers of a block; the first holds queries, keys and values side by side. */
const linear = /\.(attn\.c_attn|attn\.c_proj|mlp\.c_fc|mlp\.c_proj)\.(weight|bias)$/
const parts = ['query', 'key', 'value']

/**
 * GPT-2's weights as other models have them: its files hold linear layers as [inputs, outputs], and queries, keys and values in one
 * tensor, which is shown as three.
 */
function separated(weights: Weights): Weights {
  const tensors = new Map<string, StoredTensor>()
  const readers = new Map<string, () => Promise<Tensor>>()
  for (const [name, stored] of weights.tensors) {
    const turned = async () => transposedMatrix(await weights.read(name))
    const { shape, format } = stored
    if (!linear.test(name)) tensors.set(name, stored)
    else if (!name.includes('c_attn')) {
      tensors.set(name, { shape: shape.toReversed(), format })
      readers.set(name, turned)
    } else
      parts.forEach((part, i) => {
        const own = name.replace('c_attn', part)
        tensors.set(own, { shape: [shape.at(-1)! / 3, ...shape.slice(0, -1)], format })
        readers.set(own, async () => third(await turned(), i))
      })
  }
  return { tensors, read: (name) => (readers.get(name) ?? (() => weights.read(name)))(), close: () => weights.close() }
}

const transposedMatrix = (tensor: Tensor) => (tensor.dims.length === 2 ? transposed(tensor) : tensor)

/** The i-th third of the rows. */
function third({ dims, data }: Tensor, i: number): Tensor {
  const size = data.length / 3
  return {
    dtype: 'float32',
    dims: [dims[0]! / 3, ...dims.slice(1)],
    data: (data as Float32Array).slice(i * size, (i + 1) * size),
  }
}

/** The reverse of `separated`: queries, keys and values side by side, linear layers as [inputs, outputs]. */
function joined(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  const names = new Map<string, Tensor>()
  for (const [name, tensor] of tensors) {
    const [, start, part, end] = /^(.*\.attn\.)(query|key|value)(\..*)$/.exec(name) ?? []
    if (part === undefined) names.set(name, linear.test(name) ? transposedMatrix(tensor) : tensor)
    else if (part === parts[0])
      names.set(`${start}c_attn${end}`, transposedMatrix(stacked(parts.map((one) => tensors.get(start! + one + end)!))))
  }
  return names
}

/** Tensors of equal shape one below the other. */
function stacked(tensors: readonly Tensor[]): Tensor {
  const [{ dims, data: first }] = tensors as readonly [Tensor]
  const data = new Float32Array(tensors.length * first.length)
  tensors.forEach((tensor, i) => {
    data.set(tensor.data as Float32Array, i * first.length)
  })
  return { dtype: 'float32', dims: [tensors.length * dims[0]!, ...dims.slice(1)], data }
}

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
      layers: config.size('n_layer'),
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
  view: separated,
  join: joined,
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
