export interface Example {
  /** What it shows, as a clause. */
  readonly shows: string
  /** The networks that `--network` chooses among, each with a remark or ''. */
  readonly networks?: Readonly<Record<string, string>>
  /** Whether it starts from a pretrained encoder, which `--base` names. */
  readonly startsFromBase?: true
  /** What the length of its training is counted in. */
  readonly counts: 'epochs' | 'iterations'
}

/** Every example by name; the file `<name>.example.ts` is its program. */
export const examples = {
  digits: {
    shows: 'handwritten digits of 8 x 8, by a small convolutional network in less than a minute',
    counts: 'epochs',
  },
  fsdd: { shows: 'spoken digits, as pictures of 40 mel bands by 64 frames', counts: 'epochs' },
  'fashion-mnist': {
    shows: 'clothing in pictures of 28 x 28',
    networks: { cnn: 'default', resnet: '', mobilenet: '', lenet: '', mlp: '' },
    counts: 'epochs',
  },
  cifar10: {
    shows: "objects in colour, 32 x 32, from two fifths of CIFAR-10's training pictures",
    networks: { resnet: 'default', mobilenet: '' },
    counts: 'epochs',
  },
  autoencoder: {
    shows: 'clothing of 28 x 28 pixels reduced to 32 numbers and drawn again from these',
    counts: 'epochs',
  },
  'sst2-bilstm': {
    shows: 'sentences of film reviews: embedding, BiLSTM, largest over time, linear',
    networks: { lstm: 'default', gru: '' },
    counts: 'epochs',
  },
  'weibo-ner': {
    shows: 'names in Chinese messages, by character: embedding, BiLSTM, CRF',
    networks: {
      scratch: 'default',
      pretrained: 'embedding and BiLSTM first learn to foretell characters of other texts',
    },
    counts: 'epochs',
  },
  wnut17: {
    shows: 'names in English messages, by word: a pretrained encoder, linear, CRF',
    startsFromBase: true,
    counts: 'epochs',
  },
  'lstm-language-model': {
    shows: 'Shakespeare by character: embedding, two LSTM layers, softmax; and what it writes',
    counts: 'epochs',
  },
  tinyshakespeare: {
    shows: 'GPT by character on tinyshakespeare, 2,000 iterations or the best of --minutes',
    networks: {
      rotary: "default; nanoGPT's configuration for a CPU with rotary positions",
      nanogpt: 'learned positions, as nanoGPT itself',
      larger: 'default with --minutes',
    },
    counts: 'iterations',
  },
  'chinese-poems': {
    shows: 'GPT by character on Song ci: perplexity, and poems to given titles',
    counts: 'iterations',
  },
  tatoeba: {
    shows: 'encoder-decoder from English words to Chinese characters: BLEU, and translations',
    counts: 'iterations',
  },
} as const satisfies Record<string, Example>

export type ExampleName = keyof typeof examples

/** The networks of an example. */
export type NetworkOf<N extends ExampleName> = (typeof examples)[N] extends { readonly networks: infer T }
  ? keyof T & string
  : never
