import type { WeightNames } from '../architectures/names.js'
import { ModelsError } from '../errors.js'
import type { Tokeniser } from '../tokenisers/tokeniser.js'
import type { TokeniserTraining } from '../tokenisers/train/settings.js'

/** The size of a new network. */
export interface Sizes {
  readonly layers: number
  readonly width: number
  readonly heads: number
  /** Tokens of the longest text. */
  readonly context: number
}

/** How networks of an architecture are pre-trained, and written as other programs read them. */
export interface Family {
  readonly task: 'masked' | 'replaced' | 'causal'
  /** What transformers calls the whole network, with its head. */
  readonly model: string
  readonly tokeniser: Pick<TokeniserTraining, 'kind' | 'lowerCase' | 'specialTokens'>
  /** config.json of a new network, but for the names of architecture and model. */
  config(sizes: Sizes, tokeniser: Tokeniser): Record<string, unknown>
  /** What the layers of the head are called in files. */
  readonly head: WeightNames
}

const shared = ({ layers, width, heads }: Sizes, { vocabularySize, special }: Tokeniser) => ({
  vocab_size: vocabularySize,
  hidden_size: width,
  num_hidden_layers: layers,
  num_attention_heads: heads,
  intermediate_size: 4 * width,
  pad_token_id: special.pad,
})

const bertLike = (sizes: Sizes, tokeniser: Tokeniser) => ({
  ...shared(sizes, tokeniser),
  max_position_embeddings: sizes.context,
  type_vocab_size: 2,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  attention_probs_dropout_prob: 0.1,
  layer_norm_eps: 1e-12,
  initializer_range: 0.02,
})

const byteLevel = { kind: 'bpe', specialTokens: ['<|endoftext|>'] } as const
const ends = ({ special }: Tokeniser) => ({ bos_token_id: special.bos, eos_token_id: special.eos })

const families: Readonly<Record<string, Family>> = {
  bert: {
    task: 'masked',
    model: 'BertForMaskedLM',
    tokeniser: { kind: 'wordpiece', lowerCase: true },
    config: bertLike,
    head: {
      'head.dense': 'cls.predictions.transform.dense',
      'head.norm': 'cls.predictions.transform.LayerNorm',
      'head.bias': 'cls.predictions.bias',
    },
  },
  roberta: {
    task: 'masked',
    model: 'RobertaForMaskedLM',
    tokeniser: { kind: 'bpe' },
    config: (sizes, tokeniser) => ({
      ...bertLike(sizes, tokeniser),
      ...ends(tokeniser),
      // Places are counted from behind the padding token.
      max_position_embeddings: sizes.context + tokeniser.special.pad! + 1,
      type_vocab_size: 1,
      layer_norm_eps: 1e-5,
    }),
    head: { 'head.dense': 'lm_head.dense', 'head.norm': 'lm_head.layer_norm', 'head.bias': 'lm_head.bias' },
  },
  electra: {
    task: 'replaced',
    model: 'ElectraForPreTraining',
    tokeniser: { kind: 'wordpiece', lowerCase: true },
    config: (sizes, tokeniser) => ({
      ...bertLike(sizes, tokeniser),
      embedding_size: Math.min(128, sizes.width),
    }),
    head: {
      'head.dense': 'discriminator_predictions.dense',
      'head.output': 'discriminator_predictions.dense_prediction',
    },
  },
  gpt2: {
    task: 'causal',
    model: 'GPT2LMHeadModel',
    tokeniser: byteLevel,
    config: ({ layers, width, heads, context }, tokeniser) => ({
      vocab_size: tokeniser.vocabularySize,
      n_positions: context,
      n_embd: width,
      n_layer: layers,
      n_head: heads,
      activation_function: 'gelu_new',
      resid_pdrop: 0.1,
      embd_pdrop: 0.1,
      attn_pdrop: 0.1,
      layer_norm_epsilon: 1e-5,
      tie_word_embeddings: true,
      ...ends(tokeniser),
    }),
    head: {},
  },
  llama: {
    task: 'causal',
    model: 'LlamaForCausalLM',
    tokeniser: byteLevel,
    config: (sizes, tokeniser) => ({
      ...shared(sizes, tokeniser),
      num_key_value_heads: sizes.heads,
      // Three matrices of two thirds have as many weights as two whole ones (Shazeer 2020).
      intermediate_size: 8 * Math.round(sizes.width / 3),
      max_position_embeddings: sizes.context,
      hidden_act: 'silu',
      rms_norm_eps: 1e-6,
      rope_theta: 10000,
      tie_word_embeddings: true,
      ...ends(tokeniser),
    }),
    head: {},
  },
}

/** The architectures that can be pre-trained. */
export const pretrainable: readonly string[] = Object.keys(families)

/** @throws ModelsError `unknown-architecture`, which lists those that can be pre-trained */
export function familyOf(architecture: string): Family {
  if (Object.hasOwn(families, architecture)) return families[architecture]!
  throw new ModelsError(
    'unknown-architecture',
    `The architecture "${architecture}" cannot be pre-trained; those that can are ${pretrainable.join(', ')}.`,
    { type: architecture, known: pretrainable },
  )
}
