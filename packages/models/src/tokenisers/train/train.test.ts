import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import * as huggingface from '@huggingface/tokenizers'
import { describe, expect, it } from 'vitest'
import { askPython, python } from '../../../test/python.js'
import type { BpeJson, UnigramJson, WordPieceJson } from '../json.js'
import { openTokeniser } from '../open.js'
import type { TokeniserKind, TrainingProgress } from './settings.js'
import { saveTokeniser, trainTokeniser } from './train.js'

const kinds: readonly TokeniserKind[] = ['bpe', 'wordpiece', 'unigram']

/** Sentences drawn from a few words, the same ones every time; the last of each four is Chinese or mixed. */
function sentences(count: number): string[] {
  const english =
    'the quick brown foxes were jumping over lazy dogs while nobody watched their unbelievable jump'.split(' ')
  const chinese = ['我们', '今天', '去', '北京', '大学', '学习', '机器', '翻译', '很', '有意思', 'iPhone', '测试']
  let state = 1
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const draw = (words: readonly string[], joint: string) =>
    Array.from({ length: 3 + random(9) }, () => words[random(words.length)]).join(joint)
  return Array.from({ length: count }, (_, i) => (i % 4 === 3 ? `${draw(chinese, '')}。` : `${draw(english, ' ')}.`))
}

describe('training', () => {
  it('BPE merges the most frequent pair, of equal ones that with the smallest ids', async () => {
    const { files } = await trainTokeniser(['ab ab ab abc abc bc bc'], { kind: 'bpe', vocabularySize: 300 })
    const { vocab, merges } = files.tokenizer.model as BpeJson
    expect(merges).toEqual([
      ['a', 'b'], // 5 times
      ['Ġ', 'ab'], // 4 times
      ['b', 'c'], // twice, as are the next two
      ['Ġ', 'bc'],
      ['Ġab', 'c'],
    ])
    expect([vocab['<s>'], vocab['!'], vocab['Ġabc']]).toEqual([0, 5, 5 + 256 + 4])
  })

  it('WordPiece learns whole characters first, then pieces with their prefix', async () => {
    const { files } = await trainTokeniser(['ab abc abc 中', 'AB'], {
      kind: 'wordpiece',
      vocabularySize: 14,
      specialTokens: ['[UNK]'],
      lowerCase: true,
    })
    const { vocab } = files.tokenizer.model as WordPieceJson
    expect(Object.keys(vocab)).toEqual(['[UNK]', 'a', 'b', 'c', '中', '##b', '##c', 'ab', 'abc'])
  })

  it('unigram finds the parts that words are made of; their probabilities sum to one', async () => {
    const parts = ['berg', 'stein', 'wald', 'hof', 'bach', 'tal']
    const lines = parts.flatMap((a) => parts.flatMap((b) => parts.map((c) => `${a}${b}${c}`)))
    const tokeniser = await trainTokeniser(lines, { kind: 'unigram', vocabularySize: 28 })
    const pieces = (tokeniser.files.tokenizer.model as UnigramJson).vocab
    for (const part of parts) expect(pieces.map(([piece]) => piece)).toContain(part)
    const ids = tokeniser.encode('bachsteintal', null, { special: false }).ids
    expect(Array.from(ids, (id) => tokeniser.tokenOf(id))).toEqual(['▁', 'bach', 'stein', 'tal'])
    const sum = pieces.slice(5).reduce((total, [, score]) => total + Math.exp(score), 0)
    expect(sum).toBeGreaterThan(0.9)
    expect(sum).toBeLessThan(1.01)
  })

  it.each(kinds)(
    '%s: mixed text, the same twice, saved and loaded, and equal in the JavaScript library',
    async (kind) => {
      const lines = sentences(400)
      const settings = { kind, vocabularySize: 380, lowerCase: true }
      const tokeniser = await trainTokeniser(lines, settings)
      const again = await trainTokeniser((async function* () { yield* lines })(), settings) // biome-ignore format: one line
      expect(again.files).toEqual(tokeniser.files)
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-train-'))
      await saveTokeniser(tokeniser, folder)
      const loaded = await openTokeniser(folder)
      fs.rmSync(folder, { recursive: true })
      const Library = (
        huggingface as unknown as { Tokenizer: new (...files: object[]) => { encode(text: string): { ids: number[] } } }
      ).Tokenizer
      const library = new Library(tokeniser.files.tokenizer, tokeniser.files.config!)
      for (const line of [...lines, 'Nobody 今天 jumps over iPhones!']) {
        const ids = [...tokeniser.encode(line).ids]
        expect([...loaded.encode(line).ids]).toEqual(ids)
        expect(library.encode(line).ids).toEqual(ids)
      }
      expect(tokeniser.decode(tokeniser.encode(lines[0]!).ids)).toBe(lines[0]!)
      expect(loaded.special).toEqual(tokeniser.special)
      expect(tokeniser.special).toMatchObject({ pad: kind === 'wordpiece' ? 0 : 1, mask: 4 })
    },
  )

  it('leaves rare pairs and rare characters out, and says how far it is', async () => {
    const progress: TrainingProgress[] = []
    const { files } = await trainTokeniser(['ab ab xy', '中'], {
      kind: 'wordpiece',
      vocabularySize: 100,
      alphabetLimit: 2,
      onProgress: (at) => progress.push(at),
    })
    expect(Object.keys((files.tokenizer.model as WordPieceJson).vocab).slice(5)).toEqual(['a', 'b', '##b', 'ab'])
    expect(progress).toEqual([
      { phase: 'words', done: 2 },
      { phase: 'tokens', done: 9, total: 100 },
    ])
  })

  it('makes a tokeniser for a decoder without tokens round the text', async () => {
    const tokeniser = await trainTokeniser(['a b'], {
      kind: 'bpe',
      vocabularySize: 257,
      specialTokens: ['<|endoftext|>'],
    })
    expect([...tokeniser.encode('!').ids]).toEqual([1])
    expect(tokeniser.special).toMatchObject({ bos: 0, eos: 0 })
  })

  it('refuses what cannot be', async () => {
    const small = trainTokeniser(['abc'], { kind: 'unigram', vocabularySize: 7 })
    await expect(small).rejects.toThrow(/vocabulary of 7 tokens is too small: .* 4 different characters alone need 9/)
    await expect(trainTokeniser([], { kind: 'unigram', vocabularySize: 99 })).rejects.toThrow(/corpus has no words/)
    const nameless = trainTokeniser(['a'], { kind: 'wordpiece', vocabularySize: 99, specialTokens: ['[CLS]'] })
    await expect(nameless).rejects.toThrow(/special tokens \[CLS\] have no unknown token/)
  })
})

describe.skipIf(!python)("beside Python's own trainers (VOLANT_PARITY_PYTHON names a python with tokenizers)", () => {
  it('the same merges and pieces, and at most 1 % more tokens', async () => {
    const lines = sentences(2000)
    const size = 600
    type Learnt = Record<TokeniserKind, { vocab: Record<string, number>; merges: string[][]; tokens: number }>
    const theirs = askPython<Learnt>('train_tokenisers.py', { lines, size, kinds })
    for (const kind of kinds) {
      const ours = await trainTokeniser(lines, { kind, vocabularySize: size, lowerCase: kind === 'wordpiece' })
      const tokens = lines.reduce((sum, line) => sum + ours.encode(line, null, { special: false }).ids.length, 0)
      expect(tokens).toBeLessThanOrEqual(theirs[kind].tokens * 1.01)
      const { model } = ours.files.tokenizer
      if (model.type === 'BPE') {
        expect(model.vocab).toEqual(theirs.bpe.vocab)
        expect(model.merges).toEqual(theirs.bpe.merges)
      }
      // WordPiece: Python numbers the pieces ##a … in the order of a hash map, so ties fall otherwise.
      if (model.type === 'WordPiece')
        expect(Object.keys(model.vocab).length).toBeGreaterThan(0.95 * Object.keys(theirs.wordpiece.vocab).length)
    }
  })
})
