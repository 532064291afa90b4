import { abs, add, and, greater, lessOrEqual, range, sub, unsqueeze, type Value } from '@volant/graph'
import {
  type Context,
  Dropout,
  Embedding,
  FeedForward,
  LayerNorm,
  Module,
  MultiHeadAttention,
  normal,
} from '@volant/nn'
import { activations } from './activations.js'
import type { EncoderArchitecture, EncoderInputs, EncoderNetwork } from './architecture.js'
import type { Config } from './config.js'

interface LayerOptions {
  readonly width: number
  readonly heads: number
  readonly hidden: number
  readonly epsilon: number
  readonly normBias: boolean
  readonly attentionBias: boolean
  readonly feedForwardBias: boolean
  readonly attentionDropout: number
  readonly dropout: number
  /** Of the rotary positions. */
  readonly base: number
  /** Positions to each side that are seen; undefined = all. */
  readonly window?: number
  /** The embeddings are normalised already. */
  readonly isFirst: boolean
}

const initialiser = normal(0.02)

class ModernBertLayer extends Module<[x: Value, inputs: { mask: Value; near: Value }]> {
  readonly attentionNorm: LayerNorm | undefined
  readonly attention: MultiHeadAttention
  readonly feedForwardNorm: LayerNorm
  readonly feedForward: FeedForward
  readonly dropout: Dropout
  readonly isLocal: boolean

  constructor(options: LayerOptions) {
    super()
    const { width, heads, epsilon, normBias, base } = options
    if (!options.isFirst) this.attentionNorm = new LayerNorm(width, epsilon, { bias: normBias })
    this.attention = new MultiHeadAttention(width, heads, {
      bias: options.attentionBias,
      dropout: options.attentionDropout,
      rotary: { base },
      initialiser,
    })
    this.feedForwardNorm = new LayerNorm(width, epsilon, { bias: normBias })
    this.feedForward = new FeedForward(width, options.hidden, {
      activation: 'geglu',
      bias: options.feedForwardBias,
      initialiser,
    })
    this.dropout = new Dropout(options.dropout)
    this.isLocal = options.window !== undefined
  }

  protected forward(context: Context, x: Value, { mask, near }: { mask: Value; near: Value }): Value {
    const seen = this.isLocal ? and(unsqueeze(mask, 1), near) : mask
    const normed = this.attentionNorm ? this.attentionNorm.apply(context, x) : x
    const attended = add(x, this.dropout.apply(context, this.attention.apply(context, normed, { mask: seen })))
    return add(
      attended,
      this.dropout.apply(context, this.feedForward.apply(context, this.feedForwardNorm.apply(context, attended))),
    )
  }
}

/**
 * ModernBERT (Warner et al. 2024): rotary positions, gated feed-forward layers, normalised before each part; most layers see only a
 * window round each position.
 */
class ModernBertNetwork extends Module<[ids: Value, inputs?: EncoderInputs]> implements EncoderNetwork {
  readonly words: Embedding
  readonly norm: LayerNorm
  readonly layers: readonly ModernBertLayer[]
  readonly finalNorm: LayerNorm
  readonly dropout: Dropout
  readonly width: number
  readonly vocabulary: number
  readonly positions: number
  readonly work: number
  readonly window: number

  constructor(config: Config) {
    super()
    config.choice('hidden_activation', { gelu: activations['gelu'] }, 'gelu')
    const width = config.size('hidden_size')
    this.width = width
    const hidden = config.size('intermediate_size')
    const epsilon = config.number('norm_eps', { or: 1e-5 })
    const normBias = config.boolean('norm_bias', false)
    this.window = Math.floor(config.size('local_attention', 128) / 2)
    this.vocabulary = config.size('vocab_size')
    this.positions = config.size('max_position_embeddings', 8192)
    this.words = new Embedding(this.vocabulary, width, { initialiser })
    this.norm = new LayerNorm(width, epsilon, { bias: normBias })
    this.dropout = new Dropout(config.number('embedding_dropout', { or: 0 }))
    this.layers = layerBases(config).map(
      ({ isLocal, base }, place) =>
        new ModernBertLayer({
          width,
          heads: config.size('num_attention_heads'),
          hidden,
          epsilon,
          normBias,
          attentionBias: config.boolean('attention_bias', false),
          feedForwardBias: config.boolean('mlp_bias', false),
          attentionDropout: config.number('attention_dropout', { or: 0 }),
          dropout: config.number('mlp_dropout', { or: 0 }),
          base,
          window: isLocal ? this.window : undefined,
          isFirst: place === 0,
        }),
    )
    this.finalNorm = new LayerNorm(width, epsilon, { bias: normBias })
    this.work = this.layers.length * (4 * width ** 2 + 3 * width * hidden)
  }

  protected forward(context: Context, ids: Value, { mask }: EncoderInputs = {}): Value {
    const places = range(context.builder, ids.shape[1]!)
    const near = lessOrEqual(abs(sub(unsqueeze(places, 1), unsqueeze(places, 0))), this.window)
    const inputs = { mask: mask ?? greater(add(ids, 1), 0), near }
    const embedded = this.dropout.apply(context, this.norm.apply(context, this.words.apply(context, ids)))
    return this.finalNorm.apply(
      context,
      this.layers.reduce((x, layer) => layer.apply(context, x, inputs), embedded),
    )
  }
}

/** Which layers see a window only, and the base of each one's rotary positions; old files say it in other words. */
function layerBases(config: Config): { isLocal: boolean; base: number }[] {
  const rope = config.section('rope_parameters')
  const baseOf = (kind: string, old: string, usual: number) => {
    const own = rope.section(kind)
    own.only('rope_type', 'default')
    return own.number('rope_theta', { least: 1, or: config.number(old, { least: 1, or: usual }) })
  }
  const [all, near] = [
    baseOf('full_attention', 'global_rope_theta', 160_000),
    baseOf('sliding_attention', 'local_rope_theta', 10_000),
  ]
  const every = config.size('global_attn_every_n_layers', 3)
  const types = config.values['layer_types'] as readonly string[] | undefined
  return Array.from({ length: config.layers('num_hidden_layers') }, (_, place) => {
    const isLocal = types ? types[place] === 'sliding_attention' : place % every !== 0
    return { isLocal, base: isLocal ? near : all }
  })
}

export const modernBert: EncoderArchitecture = {
  type: 'modernbert',
  network: (config) => new ModernBertNetwork(config),
  prefixes: ['model.'],
  fused: { Wqkv: ['query', 'key', 'value'], Wi: ['gate', 'up'] },
  names: {
    words: 'embeddings.tok_embeddings',
    norm: 'embeddings.norm',
    finalNorm: 'final_norm',
    'layers.*.attentionNorm': 'layers.*.attn_norm',
    'layers.*.attention.query': 'layers.*.attn.query',
    'layers.*.attention.key': 'layers.*.attn.key',
    'layers.*.attention.value': 'layers.*.attn.value',
    'layers.*.attention.output': 'layers.*.attn.Wo',
    'layers.*.feedForwardNorm': 'layers.*.mlp_norm',
    'layers.*.feedForward.gate': 'layers.*.mlp.gate',
    'layers.*.feedForward.up': 'layers.*.mlp.up',
    'layers.*.feedForward.down': 'layers.*.mlp.Wo',
  },
}
