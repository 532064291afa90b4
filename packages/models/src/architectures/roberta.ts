import type { EncoderArchitecture } from './architecture.js'
import { bertNames, bertOptions } from './bert.js'
import { BertNetwork } from './bert-network.js'

/** RoBERTa (Liu et al. 2019): the first rows of its position table, up to that of the padding token, are not used. */
export const roberta: EncoderArchitecture = {
  type: 'roberta',
  network: (config) =>
    new BertNetwork({
      ...bertOptions(config),
      types: config.number('type_vocab_size', { or: 1 }),
      epsilon: config.number('layer_norm_eps', { or: 1e-5 }),
      firstPlace: config.number('pad_token_id', { or: 1 }) + 1,
    }),
  prefixes: ['roberta.'],
  names: bertNames,
}

/** XLM-R (Conneau et al. 2020): RoBERTa in a hundred languages. */
export const xlmRoberta: EncoderArchitecture = { ...roberta, type: 'xlm-roberta' }

/** CamemBERT (Martin et al. 2020): RoBERTa in French. */
export const camembert: EncoderArchitecture = { ...roberta, type: 'camembert' }
