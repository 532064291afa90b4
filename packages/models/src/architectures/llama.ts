import { GPT, type GptOptions } from '@volant/nn'
import type { DecoderArchitecture } from './architecture.js'
import type { Config } from './config.js'
import { rotarySettings } from './rotary.js'

/** The settings that the Llama family shares. */
function llamaOptions(config: Config, usualHeadWidth?: number): GptOptions {
  config.only('hidden_act', 'silu')
  config.only('mlp_bias', false)
  const width = config.size('hidden_size')
  const heads = config.size('num_attention_heads')
  const headWidth = config.size('head_dim', usualHeadWidth ?? Math.floor(width / heads))
  return {
    vocabulary: config.size('vocab_size'),
    context: config.size('max_position_embeddings'),
    width,
    layers: config.layers('num_hidden_layers'),
    heads,
    keyHeads: config.size('num_key_value_heads', heads),
    headWidth,
    hidden: config.size('intermediate_size'),
    epsilon: config.number('rms_norm_eps', { or: 1e-6 }),
    attentionDropout: config.number('attention_dropout', { or: 0 }),
    positions: 'rotary',
    ...rotarySettings(config, headWidth),
    normalisation: 'rms',
    activation: 'swiglu',
    bias: config.boolean('attention_bias', false),
    tied: config.boolean('tie_word_embeddings', false),
  }
}

/** Within a sliding window attention is as without one: the window is the longest text. */
const windowed = (options: GptOptions, config: Config): GptOptions => ({
  ...options,
  context: Math.min(options.context, config.size('sliding_window', options.context)),
})

const names = {
  tokens: 'model.embed_tokens.weight',
  head: 'lm_head',
  'decoder.norm': 'model.norm',
  'decoder.layers.*.attentionNorm': 'model.layers.*.input_layernorm',
  'decoder.layers.*.attention.query': 'model.layers.*.self_attn.q_proj',
  'decoder.layers.*.attention.key': 'model.layers.*.self_attn.k_proj',
  'decoder.layers.*.attention.value': 'model.layers.*.self_attn.v_proj',
  'decoder.layers.*.attention.output': 'model.layers.*.self_attn.o_proj',
  'decoder.layers.*.attention.queryNorm': 'model.layers.*.self_attn.q_norm',
  'decoder.layers.*.attention.keyNorm': 'model.layers.*.self_attn.k_norm',
  'decoder.layers.*.feedForwardNorm': 'model.layers.*.post_attention_layernorm',
  'decoder.layers.*.feedForward.gate': 'model.layers.*.mlp.gate_proj',
  'decoder.layers.*.feedForward.up': 'model.layers.*.mlp.up_proj',
  'decoder.layers.*.feedForward.down': 'model.layers.*.mlp.down_proj',
}

const family = (type: string, options: (config: Config) => GptOptions): DecoderArchitecture => ({
  type,
  network: (config) => new GPT(options(config)),
  prefixes: [],
  names,
})

/** Llama (Touvron et al. 2023), and SmolLM2, which has its form. */
export const llama = family('llama', (config) => {
  config.only('attention_bias', false)
  return llamaOptions(config)
})

/** Mistral (Jiang et al. 2023). */
export const mistral = family('mistral', (config) => windowed(llamaOptions(config), config))

const qwenOptions = (config: Config, headWidth?: number): GptOptions => {
  const options = llamaOptions(config, headWidth)
  return config.boolean('use_sliding_window', false) ? windowed(options, config) : options
}

/** Qwen2 and Qwen2.5 (Qwen Team 2024): Llama with biases of queries, keys and values. */
export const qwen2 = family('qwen2', (config) => ({ ...qwenOptions(config), projectionBias: true }))

/** Qwen3 (Qwen Team 2025): Llama with normalised heads of queries and keys. */
export const qwen3 = family('qwen3', (config) => {
  config.only('attention_bias', false)
  const options = qwenOptions(config, 128)
  return { ...options, headNorm: options.epsilon }
})
