import { readdir, readFile } from 'node:fs/promises'
import path from 'node:path'
import { ModelsError } from '../errors.js'
import { type JsonObject, parseObject } from '../files/json.js'
import type { Beside } from './convert/added.js'
import { bertNormaliser, fromBertVocabulary } from './convert/bert.js'
import { fromByteLevelFiles } from './convert/byte-level-bpe.js'
import { fromSentencePiece } from './convert/from-sentencepiece.js'
import { readSentencePiece } from './convert/sentencepiece.js'
import { checkTokenizerJson, type TokenizerJson } from './json.js'
import { Tokeniser, type TokeniserFiles } from './tokeniser.js'

/**
 * Opens the tokeniser of a model's folder, or one whose files are parsed already. A folder holds tokenizer.json, or
 * one of the older forms: vocab.txt (BERT), vocab.json and merges.txt (byte-level BPE), a SentencePiece *.model.
 */
export async function openTokeniser(source: string | TokeniserFiles): Promise<Tokeniser> {
  return new Tokeniser(typeof source === 'string' ? await readTokeniser(source) : source)
}

/** Reads the files of a tokeniser from a folder; older forms become a tokenizer.json. */
export async function readTokeniser(folder: string): Promise<TokeniserFiles> {
  const names = await readdir(folder).catch((cause) => {
    throw new ModelsError(
      'folder-missing',
      `The folder ${folder} cannot be read: ${cause.message}.`,
      { folder },
      { cause },
    )
  })
  const json = async (name: string) => (names.includes(name) ? parsed(path.join(folder, name)) : undefined)
  const config = await json('tokenizer_config.json')
  const specialTokens = await json('special_tokens_map.json')
  const model = await json('config.json')
  const added = (await json('added_tokens.json')) as Record<string, number> | undefined
  const beside: Beside = { config: { model_type: model?.['model_type'], ...config }, specialTokens, added }
  const tokenizer = names.includes('tokenizer.json')
    ? withBertSettings(checkTokenizerJson(await json('tokenizer.json'), path.join(folder, 'tokenizer.json')), config)
    : await converted(folder, names, beside)
  const chatTemplate = names.includes('chat_template.jinja')
    ? await readFile(path.join(folder, 'chat_template.jinja'), 'utf8')
    : undefined
  return { tokenizer, config, specialTokens, chatTemplate }
}

/** The older forms, the first that is there. */
async function converted(folder: string, names: readonly string[], beside: Beside): Promise<TokenizerJson> {
  const file = (name: string) => path.join(folder, name)
  if (names.includes('vocab.txt'))
    return fromBertVocabulary(await readFile(file('vocab.txt'), 'utf8'), beside, file('vocab.txt'))
  if (names.includes('vocab.json') && names.includes('merges.txt')) {
    const vocab = (await parsed(file('vocab.json'))) as Record<string, number>
    return fromByteLevelFiles(vocab, await readFile(file('merges.txt'), 'utf8'), beside)
  }
  const model = names.find((name) => name.endsWith('.model'))
  if (model) return fromSentencePiece(readSentencePiece(await readFile(file(model)), file(model)), beside, file(model))
  throw new ModelsError(
    'tokeniser-missing',
    `${folder} has no tokeniser: looked for tokenizer.json, vocab.txt, vocab.json with merges.txt, and a SentencePiece *.model; found ${names.length > 0 ? names.join(', ') : 'no files'}.`,
    { folder, found: names },
  )
}

/** What tokenizer_config.json says of lower case, accents and Chinese characters goes before tokenizer.json. */
function withBertSettings(json: TokenizerJson, config: Readonly<Record<string, unknown>> = {}): TokenizerJson {
  const says = ['do_lower_case', 'strip_accents', 'tokenize_chinese_chars'].some((key) => key in config)
  if (json.normalizer?.type !== 'BertNormalizer' || !says) return json
  const { clean_text, lowercase, strip_accents, handle_chinese_chars } = json.normalizer
  const own = { do_lower_case: lowercase, strip_accents, tokenize_chinese_chars: handle_chinese_chars }
  return { ...json, normalizer: { ...bertNormaliser({ ...own, ...config }), clean_text } }
}

const parsed = async (file: string): Promise<JsonObject> =>
  parseObject(await readFile(file, 'utf8'), file, 'tokeniser-broken')
