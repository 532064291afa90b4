import { ModelsError } from '../../errors.js'
import { type BpeJson, type Component, type TokenizerJson, tokenizerJson } from '../json.js'
import { addedTokens, type Beside } from './added.js'

/** How families of byte-level models split a text into words, by the names that GGUF files give them. */
const letterWords =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{DIGITS}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"
const gpt2 = byteLevel(true)
const digitsApart = sequence({ type: 'Digits', individual_digits: true }, gpt2)
const llama3 = sequence(isolated(letterWords.replace('{DIGITS}', '{1,3}')), byteLevel(false))
const qwen2 = sequence(isolated(letterWords.replace('{DIGITS}', '')), byteLevel(false))

export const splitters: Readonly<Record<string, Component>> = {
  default: gpt2,
  'gpt-2': gpt2,
  'roberta-bpe': gpt2,
  smollm: digitsApart,
  starcoder: digitsApart,
  refact: digitsApart,
  'command-r': digitsApart,
  'llama-bpe': llama3,
  dbrx: llama3,
  qwen2,
  'deepseek-r1-qwen': qwen2,
}

function byteLevel(use_regex: boolean, add_prefix_space = false): Component {
  return { type: 'ByteLevel', add_prefix_space, trim_offsets: false, use_regex }
}

function isolated(Regex: string): Component {
  return { type: 'Split', pattern: { Regex }, behavior: 'Isolated', invert: false }
}

function sequence(...pretokenizers: Component[]): Component {
  return { type: 'Sequence', pretokenizers }
}

/** A byte-level BPE model of its vocabulary and merges. */
export function byteLevelModel(
  vocab: Record<string, number>,
  merges: BpeJson['merges'],
  settings: Partial<BpeJson> = {},
): BpeJson {
  return {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    continuing_subword_prefix: null,
    end_of_word_suffix: null,
    fuse_unk: false,
    byte_fallback: false,
    ignore_merges: false,
    ...settings,
    vocab,
    merges,
  }
}

/** The files vocab.json and merges.txt of GPT-2, RoBERTa and Qwen2 as a tokenizer.json. */
export function fromByteLevelFiles(vocab: Record<string, number>, mergesText: string, beside: Beside): TokenizerJson {
  const { config } = beside
  const family = String(config['tokenizer_class'] ?? '')
  const roberta = /Roberta|Longformer|Bart/i.test(family) || (family === '' && '<s>' in vocab && '</s>' in vocab)
  const qwen = family.startsWith('Qwen')
  const idOf = (token: string) => vocab[token]
  const prefix = config['add_prefix_space'] === true
  const merges = mergesOf(mergesText, vocab)
  return tokenizerJson({
    added_tokens: addedTokens(beside, idOf, roberta ? robertaTokens : ['<|endoftext|>'], roberta),
    normalizer: qwen ? { type: 'NFC' } : null,
    pre_tokenizer: qwen ? qwen2 : byteLevel(true, prefix),
    post_processor: roberta ? robertaProcessing(vocab, prefix) : { ...byteLevel(true), add_prefix_space: true },
    decoder: byteLevel(true),
    model: byteLevelModel(vocab, merges),
  })
}

const robertaTokens = ['<s>', '<pad>', '</s>', '<unk>', '<mask>']

function robertaProcessing(vocab: Readonly<Record<string, number>>, add_prefix_space: boolean): Component {
  const pair = (token: string) => [token, vocab[token]]
  return { type: 'RobertaProcessing', sep: pair('</s>'), cls: pair('<s>'), trim_offsets: true, add_prefix_space }
}

function mergesOf(text: string, vocab: Readonly<Record<string, number>>): (readonly [string, string])[] {
  const lines = text.split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('#version'))
  return lines.map((line, i) => {
    const parts = line.split(' ')
    if (parts.length === 2 && parts.every((part) => part in vocab)) return parts as [string, string]
    throw new ModelsError(
      'tokeniser-broken',
      `merges.txt: merge ${i + 1} is ${JSON.stringify(line)}, expected two tokens of vocab.json; the two files must come from the same model.`,
      { merge: line },
    )
  })
}
