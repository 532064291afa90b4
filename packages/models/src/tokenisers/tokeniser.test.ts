import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ModelsError } from '../errors.js'
import { byteCharacters } from './byte-level.js'
import { fromBertVocabulary } from './convert/bert.js'
import { byteLevelModel, fromByteLevelFiles } from './convert/byte-level-bpe.js'
import { specialToken, type TokenizerJson, tokenizerJson } from './json.js'
import { openTokeniser } from './open.js'
import { preTokeniser } from './pre-tokenisers.js'
import { Tokeniser } from './tokeniser.js'

const vocabulary = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]', 'un', '##aff', '##able', 'a', 'b', '中', '!']
const bert = (config = {}) =>
  new Tokeniser({ tokenizer: fromBertVocabulary(vocabulary.join('\n'), { config }), config })
const list = (ids: Iterable<number>) => [...ids]

describe('a WordPiece tokeniser of twelve tokens', () => {
  it('takes the longest pieces, and the unknown token for a word that they do not make up', () => {
    expect(list(bert().encode('Unaffable a zebra!').ids)).toEqual([2, 5, 6, 7, 8, 1, 11, 3])
  })

  it('separates Chinese characters', () => {
    expect(list(bert().encode('a中b', null, { special: false }).ids)).toEqual([8, 10, 9])
  })

  it('keeps case where it is told to', () => {
    expect(list(bert({ do_lower_case: false }).encode('A a').ids)).toEqual([2, 1, 8, 3])
  })

  it('finds special tokens within a text', () => {
    expect(list(bert().encode('a [MASK]b', null, { special: false }).ids)).toEqual([8, 4, 9])
  })

  it('gives the second text of a pair the type 1', () => {
    const { ids, types } = bert().encode('a', 'b b')
    expect([list(ids), list(types)]).toEqual([
      [2, 8, 3, 9, 9, 3],
      [0, 0, 0, 1, 1, 1],
    ])
  })

  it('cuts the text but never the special tokens, of a pair the longer text first', () => {
    expect(list(bert().encode('a a a a', null, { maxTokens: 4 }).ids)).toEqual([2, 8, 8, 3])
    expect(list(bert().encode('a a a a', 'b', { maxTokens: 6 }).ids)).toEqual([2, 8, 8, 3, 9, 3])
    expect(list(bert({ truncation_side: 'left' }).encode('b a', null, { maxTokens: 3 }).ids)).toEqual([2, 8, 3])
    expect(() => bert().encode('a', null, { maxTokens: 1 })).toThrow(/special tokens alone are 2/)
  })

  it('tells the word of each token of words', () => {
    const { ids, words } = bert().encodeWords(['unaffable', 'a!', 'b'])
    expect([list(ids), list(words)]).toEqual([
      [2, 5, 6, 7, 8, 11, 9, 3],
      [-1, 0, 0, 0, 1, 1, 2, -1],
    ])
  })

  it('decodes, with and without special tokens', () => {
    expect(bert().decode([2, 5, 6, 7, 11, 3])).toBe('unaffable!')
    expect(bert().decode([2, 8, 3], { skipSpecial: false })).toBe('[CLS] a [SEP]')
    expect(() => bert().decode([99])).toThrow(/no token with id 99; its ids go from 0 to 11/)
  })

  it('knows its special ids, its size and the longest input', () => {
    const tokeniser = bert({ model_max_length: 512 })
    expect(tokeniser.special).toEqual({ unk: 1, pad: 0, cls: 2, sep: 3, mask: 4, bos: 2, eos: 3 })
    expect([tokeniser.vocabularySize, tokeniser.modelMaxLength, tokeniser.idOf('中')]).toEqual([12, 512, 10])
    expect(bert({ model_max_length: 1e30 }).modelMaxLength).toBeUndefined()
    expect(() => tokeniser.checkFits(11)).toThrow(/ids up to 11, but the model's embedding has 11 rows/)
    tokeniser.checkFits(12)
  })
})

/** A byte-level BPE model that knows every byte and some merges; ids are bytes, then merges, then added tokens. */
function bytesAnd(merges: [string, string][], added: string[] = []): TokenizerJson {
  const tokens = [...byteCharacters, ...merges.map((merge) => merge.join(''))]
  const part = { type: 'ByteLevel', add_prefix_space: false, use_regex: true }
  return tokenizerJson({
    added_tokens: added.map((content, i) => specialToken(tokens.length + i, content)),
    pre_tokenizer: part,
    decoder: part,
    model: byteLevelModel(Object.fromEntries(tokens.map((token, id) => [token, id])), merges),
  })
}

const abc = () =>
  new Tokeniser({
    tokenizer: bytesAnd(
      [
        ['a', 'b'],
        ['ab', 'c'],
        ['Ġ', 'ab'],
      ],
      ['<|end|>'],
    ),
  })

describe('a byte-level BPE tokeniser', () => {
  it('merges by rank, the leftmost first', () => {
    expect(list(abc().encode('abc ab abab').ids)).toEqual([257, 258, 258, 256])
  })

  it('writes other characters as their bytes, lone surrogates as U+FFFD', () => {
    expect(list(abc().encode('é').ids)).toEqual([0xc3, 0xa9])
    expect(list(abc().encode('\uD800').ids)).toEqual([0xef, 0xbf, 0xbd])
    expect(abc().decode(abc().encode('é\0👍🏽 ab').ids)).toBe('é\0👍🏽 ab')
  })

  it('takes words as ones that a space stands before', () => {
    const { ids, words } = abc().encodeWords(['ab', 'c'])
    expect([list(ids), list(words)]).toEqual([
      [258, 32, 99],
      [0, 1, 1],
    ])
  })

  it('streams text that never changes again, and no half characters', () => {
    const stream = abc().decodeStream()
    const ids = list(abc().encode('ab 👍é').ids)
    expect(ids.map((id) => stream.push(id))).toEqual(['ab', ' ', '', '', '', '👍', '', 'é'])
    expect(stream.end()).toBe('')
  })

  it('streams what is no UTF-8 as soon as it is certain, the rest at the end', () => {
    const stream = abc().decodeStream()
    expect([stream.push(0xff), stream.push(0xff), stream.push(0x61), stream.push(0xe4)]).toEqual([
      '',
      '\uFFFD',
      '\uFFFDa',
      '',
    ])
    expect([stream.end(), stream.push(0x62)]).toEqual(['\uFFFD', 'b'])
  })

  it('leaves special tokens out of a stream unless told otherwise', () => {
    expect(abc().decodeStream().push(97, 259, 98)).toBe('ab')
    expect(abc().decodeStream({ skipSpecial: false }).push(97, 259, 98)).toBe('a<|end|>b')
  })
})

describe('parts of the standard file', () => {
  const split = (behavior: string, invert = false) =>
    preTokeniser({ type: 'Split', pattern: { String: '-' }, behavior, invert })('a--b-c', true)

  it('splits in the five ways', () => {
    expect(split('Removed')).toEqual(['a', 'b', 'c'])
    expect(split('Isolated')).toEqual(['a', '-', '-', 'b', '-', 'c'])
    expect(split('Contiguous')).toEqual(['a', '--', 'b', '-', 'c'])
    expect(split('MergedWithPrevious')).toEqual(['a-', '-', 'b-', 'c'])
    expect(split('MergedWithNext')).toEqual(['a', '-', '-b', '-c'])
    expect(split('Removed', true)).toEqual(['-', '-', '-'])
  })

  it('puts the mark of a space before the first words only where that is asked for', () => {
    const metaspace = (settings: object) => preTokeniser({ type: 'Metaspace', ...settings })
    expect(metaspace({})('a  b', false)).toEqual(['▁a', '▁', '▁b'])
    expect(metaspace({ prepend_scheme: 'first' })('a b', false)).toEqual(['a', '▁b'])
    expect(metaspace({ prepend_scheme: 'never', split: false })('a b', true)).toEqual(['a▁b'])
  })

  it('names a part that it does not know', () => {
    expect(() => preTokeniser({ type: 'Moon' })).toThrow(
      /pre-tokeniser "Moon", which is not known; known are ByteLevel/,
    )
  })
})

describe('a folder', () => {
  let folder: string
  beforeEach(() => {
    folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-tokeniser-'))
  })
  afterEach(() => fs.rmSync(folder, { recursive: true }))
  const write = (name: string, content: unknown) =>
    fs.writeFileSync(path.join(folder, name), typeof content === 'string' ? content : JSON.stringify(content))

  it('with tokenizer.json, its settings and its special tokens', async () => {
    write('tokenizer.json', bert().files.tokenizer)
    write('tokenizer_config.json', { do_lower_case: false, cls_token: { content: '[MASK]' } })
    write('special_tokens_map.json', { cls_token: 'a', sep_token: '!' })
    const tokeniser = await openTokeniser(folder)
    expect(tokeniser.special).toMatchObject({ cls: 4, sep: 11 })
    expect(list(tokeniser.encode('A').ids)).toEqual([2, 1, 3])
  })

  it('with vocab.json and merges.txt of RoBERTa', async () => {
    const tokens = ['<s>', '<pad>', '</s>', '<unk>', 'a', 'b', 'Ġ', 'Ġa', '<mask>']
    write('vocab.json', Object.fromEntries(tokens.map((token, id) => [token, id])))
    write('merges.txt', '#version: 0.2\nĠ a\n')
    const tokeniser = await openTokeniser(folder)
    expect(list(tokeniser.encode('b a', 'a').ids)).toEqual([0, 5, 7, 2, 2, 4, 2])
    expect(list(tokeniser.encode('b <mask>').ids)).toEqual([0, 5, 8, 2])
    expect(tokeniser.special).toMatchObject({ cls: 0, sep: 2, pad: 1, mask: 8 })
  })

  it('without a tokeniser, or with a broken one, is refused', async () => {
    await expect(openTokeniser(folder)).rejects.toThrow(/has no tokeniser: looked for .*; found no files/)
    await expect(openTokeniser(path.join(folder, 'no'))).rejects.toThrow(ModelsError)
    write('tokenizer.json', '{ "model": ')
    await expect(openTokeniser(folder)).rejects.toThrow(/tokenizer.json is not valid JSON \(11 characters\)/)
    write('tokenizer.json', { model: { type: 'Moon', vocab: {} } })
    await expect(openTokeniser(folder)).rejects.toThrow(/"model.type" is "Moon", expected "BPE"/)
    write('tokenizer.json', { model: { type: 'WordPiece', unk_token: '[UNK]', vocab: { a: 0 } } })
    await expect(openTokeniser(folder)).rejects.toThrow(/unknown token "\[UNK\]" is not in its vocabulary of 1 tokens/)
  })

  it('with older files that do not fit together is refused', () => {
    expect(() => fromBertVocabulary('a\nb\n', { config: {} })).toThrow(/has 2 tokens, but not the unknown token/)
    expect(() => fromByteLevelFiles({ a: 0 }, 'a b\n', { config: {} })).toThrow(/merge 1 is "a b"/)
  })
})
