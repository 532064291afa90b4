import { activations } from './activations.js'
import type { EncoderArchitecture } from './architecture.js'
import { BertNetwork, type BertOptions } from './bert-network.js'
import type { Config } from './config.js'

/** The settings that BERT shares with its kin. */
export function bertOptions(config: Config): BertOptions {
  config.only('position_embedding_type', 'absolute')
  config.only('is_decoder', false)
  return {
    vocabulary: config.size('vocab_size'),
    width: config.size('hidden_size'),
    layers: config.layers('num_hidden_layers'),
    heads: config.size('num_attention_heads'),
    hidden: config.size('intermediate_size'),
    places: config.size('max_position_embeddings'),
    types: config.number('type_vocab_size', { or: 2 }),
    epsilon: config.number('layer_norm_eps', { or: 1e-12 }),
    activation: config.choice('hidden_act', activations, 'gelu'),
    dropout: config.number('hidden_dropout_prob', { or: 0.1 }),
    attentionDropout: config.number('attention_probs_dropout_prob', { or: 0.1 }),
  }
}

export const bertNames = {
  words: 'embeddings.word_embeddings',
  places: 'embeddings.position_embeddings',
  types: 'embeddings.token_type_embeddings',
  norm: 'embeddings.LayerNorm',
  'encoder.layers.*.attention.query': 'encoder.layer.*.attention.self.query',
  'encoder.layers.*.attention.key': 'encoder.layer.*.attention.self.key',
  'encoder.layers.*.attention.value': 'encoder.layer.*.attention.self.value',
  'encoder.layers.*.attention.output': 'encoder.layer.*.attention.output.dense',
  'encoder.layers.*.attentionNorm': 'encoder.layer.*.attention.output.LayerNorm',
  'encoder.layers.*.feedForward.up': 'encoder.layer.*.intermediate.dense',
  'encoder.layers.*.feedForward.down': 'encoder.layer.*.output.dense',
  'encoder.layers.*.feedForwardNorm': 'encoder.layer.*.output.LayerNorm',
}

/** BERT (Devlin et al. 2019), and MiniLM (Wang et al. 2020), which has its form. */
export const bert: EncoderArchitecture = {
  type: 'bert',
  network: (config) => new BertNetwork(bertOptions(config)),
  prefixes: ['bert.'],
  names: bertNames,
}
