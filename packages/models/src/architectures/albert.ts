import type { EncoderArchitecture } from './architecture.js'
import { bertNames, bertOptions } from './bert.js'
import { BertNetwork } from './bert-network.js'

const layer = 'encoder.albert_layer_groups.0.albert_layers.0'

/** ALBERT (Lan et al. 2020): BERT whose layers have the same weights, and whose embeddings are narrower. */
export const albert: EncoderArchitecture = {
  type: 'albert',
  network(config) {
    config.only('num_hidden_groups', 1)
    config.only('inner_group_num', 1)
    return new BertNetwork({
      ...bertOptions(config),
      embedding: config.size('embedding_size', 128),
      sharedLayers: true,
      dropout: config.number('hidden_dropout_prob', { or: 0 }),
      attentionDropout: config.number('attention_probs_dropout_prob', { or: 0 }),
    })
  },
  prefixes: ['albert.'],
  names: {
    ...bertNames,
    widen: 'encoder.embedding_hidden_mapping_in',
    'encoder.layers.*.attention.query': `${layer}.attention.query`,
    'encoder.layers.*.attention.key': `${layer}.attention.key`,
    'encoder.layers.*.attention.value': `${layer}.attention.value`,
    'encoder.layers.*.attention.output': `${layer}.attention.dense`,
    'encoder.layers.*.attentionNorm': `${layer}.attention.LayerNorm`,
    'encoder.layers.*.feedForward.up': `${layer}.ffn`,
    'encoder.layers.*.feedForward.down': `${layer}.ffn_output`,
    'encoder.layers.*.feedForwardNorm': `${layer}.full_layer_layer_norm`,
  },
}
