import { activations } from './activations.js'
import type { EncoderArchitecture } from './architecture.js'
import { BertNetwork } from './bert-network.js'

/** DistilBERT (Sanh et al. 2019): BERT without types of tokens. */
export const distilbert: EncoderArchitecture = {
  type: 'distilbert',
  network(config) {
    return new BertNetwork({
      vocabulary: config.size('vocab_size'),
      width: config.size('dim'),
      layers: config.layers('n_layers'),
      heads: config.size('n_heads'),
      hidden: config.size('hidden_dim'),
      places: config.size('max_position_embeddings'),
      types: 0,
      epsilon: 1e-12,
      activation: config.choice('activation', activations, 'gelu'),
      dropout: config.number('dropout', { or: 0.1 }),
      attentionDropout: config.number('attention_dropout', { or: 0.1 }),
    })
  },
  prefixes: ['distilbert.'],
  names: {
    words: 'embeddings.word_embeddings',
    places: 'embeddings.position_embeddings',
    norm: 'embeddings.LayerNorm',
    'encoder.layers.*.attention.query': 'transformer.layer.*.attention.q_lin',
    'encoder.layers.*.attention.key': 'transformer.layer.*.attention.k_lin',
    'encoder.layers.*.attention.value': 'transformer.layer.*.attention.v_lin',
    'encoder.layers.*.attention.output': 'transformer.layer.*.attention.out_lin',
    'encoder.layers.*.attentionNorm': 'transformer.layer.*.sa_layer_norm',
    'encoder.layers.*.feedForward.up': 'transformer.layer.*.ffn.lin1',
    'encoder.layers.*.feedForward.down': 'transformer.layer.*.ffn.lin2',
    'encoder.layers.*.feedForwardNorm': 'transformer.layer.*.output_layer_norm',
  },
}
