import type { EncoderArchitecture } from './architecture.js'
import { bertNames, bertOptions } from './bert.js'
import { BertNetwork } from './bert-network.js'

/** ELECTRA (Clark et al. 2020): BERT whose embeddings may be narrower than its layers. */
export const electra: EncoderArchitecture = {
  type: 'electra',
  network: (config) =>
    new BertNetwork({ ...bertOptions(config), embedding: config.size('embedding_size', config.size('hidden_size')) }),
  prefixes: ['electra.'],
  names: { ...bertNames, widen: 'embeddings_project' },
}
