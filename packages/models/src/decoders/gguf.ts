import type { Tensor } from '@volant/graph'
import { Config } from '../architectures/config.js'
import { layerName } from '../architectures/names.js'
import { ModelsError } from '../errors.js'
import type { GgufValue, GgufWeights } from '../files/gguf.js'
import type { StoredTensor, Weights } from '../files/weights.js'

/** What layers are called in GGUF files (llama.cpp, gguf-py/constants.py), and in folders of the Llama family. */
const names = {
  token_embd: 'model.embed_tokens',
  output: 'lm_head',
  output_norm: 'model.norm',
  'blk.*.attn_norm': 'model.layers.*.input_layernorm',
  'blk.*.attn_q': 'model.layers.*.self_attn.q_proj',
  'blk.*.attn_k': 'model.layers.*.self_attn.k_proj',
  'blk.*.attn_v': 'model.layers.*.self_attn.v_proj',
  'blk.*.attn_output': 'model.layers.*.self_attn.o_proj',
  'blk.*.attn_q_norm': 'model.layers.*.self_attn.q_norm',
  'blk.*.attn_k_norm': 'model.layers.*.self_attn.k_norm',
  'blk.*.ffn_norm': 'model.layers.*.post_attention_layernorm',
  'blk.*.ffn_gate': 'model.layers.*.mlp.gate_proj',
  'blk.*.ffn_up': 'model.layers.*.mlp.up_proj',
  'blk.*.ffn_down': 'model.layers.*.mlp.down_proj',
}

const known = ['llama', 'qwen2', 'qwen3']
const FACTORS = 'rope_freqs.weight'

/** What a GGUF file says of its model as a config.json. Throws ModelsError `unknown-architecture`, `bad-config`. */
export async function ggufConfig(file: Omit<GgufWeights, 'close'>, source: string): Promise<Config> {
  const { metadata, tensors } = file
  const type = metadata.get('general.architecture')
  if (typeof type !== 'string' || !known.includes(type))
    throw new ModelsError(
      'unknown-architecture',
      `${source}: the architecture ${JSON.stringify(type)} is not known in GGUF files; known are ${known.join(', ')}. Take a folder with config.json instead.`,
      { type, known },
    )
  const read = (key: string) => metadata.get(`${type}.${key}`)
  return new Config(
    {
      model_type: type,
      vocab_size: tensors.get('token_embd.weight')?.shape[0],
      hidden_size: read('embedding_length'),
      num_hidden_layers: read('block_count'),
      num_attention_heads: read('attention.head_count'),
      num_key_value_heads: read('attention.head_count_kv'),
      head_dim: read('attention.key_length'),
      intermediate_size: read('feed_forward_length'),
      max_position_embeddings: read('context_length'),
      rms_norm_eps: read('attention.layer_norm_rms_epsilon'),
      hidden_act: 'silu',
      rope_parameters: { rope_theta: read('rope.freq_base'), ...(await scaling(file, read)) },
      tie_word_embeddings: !tensors.has('output.weight'),
      eos_token_id: metadata.get('tokenizer.ggml.eos_token_id'),
    },
    source,
  )
}

/**
 * How rotary positions are scaled. Llama 3.1 and later hold in a tensor what each frequency is divided by (llama.cpp, `ggml_rope_ext`,
 * `freq_factors`), on top of a linear scaling; of what folders know, transformers' "longrope" says it.
 */
async function scaling(
  { tensors, read: readTensor }: Pick<Weights, 'tensors' | 'read'>,
  read: (key: string) => GgufValue | undefined,
): Promise<Readonly<Record<string, unknown>>> {
  const name = read('rope.scaling.type') ?? 'none'
  const plain = { rope_type: name === 'none' ? 'default' : name, factor: read('rope.scaling.factor') }
  if (!tensors.has(FACTORS) || !['none', 'linear'].includes(name as string)) return plain
  const { data } = await readTensor(FACTORS)
  const stretch = name === 'linear' ? Number(plain.factor) : 1
  const factors = Array.from(data as Float32Array, (factor) => factor * stretch)
  return {
    rope_type: 'longrope',
    short_factor: factors,
    long_factor: factors,
    factor: 1,
    attention_factor: 1,
    original_max_position_embeddings: read('context_length'),
  }
}

/** The tensors of a GGUF file under the names of a folder; the pairs of rotary heads are put as folders have them. */
export function asFolder(file: Weights, config: Config): Weights {
  const tensors = new Map<string, StoredTensor>()
  const origins = new Map<string, string>()
  for (const [name, stored] of file.tensors) {
    const at = name.lastIndexOf('.')
    const own = layerName(name.slice(0, at), names) + name.slice(at)
    tensors.set(own, stored)
    origins.set(own, name)
  }
  const isPaired = config.text('model_type') === 'llama'
  const heads = config.size('num_attention_heads')
  const headsOf = new Map([
    ['attn_q', heads],
    ['attn_k', config.size('num_key_value_heads', heads)],
  ])
  return {
    tensors,
    async read(name) {
      const origin = origins.get(name) ?? name
      const tensor = await file.read(origin)
      const count = headsOf.get(origin.split('.')[2] ?? '')
      return isPaired && count ? halved(tensor, count) : tensor
    },
    close: () => file.close(),
  }
}

/**
 * Llama's converter puts the two numbers of a rotary pair beside each other (llama.cpp, convert_hf_to_gguf.py, `permute`); folders
 * have the first of all pairs, then the second. Rows 2i + j of each head become rows j·D/2 + i.
 */
function halved({ dims, data }: Tensor, heads: number): Tensor {
  const rows = dims[0]!
  const size = data.length / rows
  const [D, half] = [rows / heads, rows / heads / 2]
  const turned = new Float32Array(data.length)
  for (let row = 0; row < rows; row++) {
    const [head, place] = [Math.floor(row / D), row % D]
    const from = head * D + 2 * (place % half) + Math.floor(place / half)
    turned.set((data as Float32Array).subarray(from * size, (from + 1) * size), row * size)
  }
  return { dtype: 'float32', dims, data: turned }
}
