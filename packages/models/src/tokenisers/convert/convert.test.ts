import { describe, expect, it } from 'vitest'
import { Tokeniser } from '../tokeniser.js'
import { fromSentencePiece } from './from-sentencepiece.js'
import { fromGguf } from './gguf.js'
import { mergesOfScores } from './scored-merges.js'
import { pieceType, readSentencePiece } from './sentencepiece.js'

/** A field of a protobuf message: numbers as varints, float32 as four bytes, the rest with its length. */
function field(number: number, value: number | { float: number } | string | Uint8Array): Buffer {
  if (typeof value === 'number') return Buffer.from([number << 3, value])
  if (typeof value === 'object' && 'float' in value) {
    const bytes = Buffer.alloc(5, (number << 3) | 5)
    bytes.writeFloatLE(value.float, 1)
    return bytes
  }
  const bytes = Buffer.from(value as string)
  return Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes])
}

type Piece = readonly [piece: string, score: number, type?: number]

function sentencePiece(pieces: readonly Piece[], kind: 1 | 2): Buffer {
  const messages = pieces.map(([piece, score, type = pieceType.normal]) =>
    field(1, Buffer.concat([field(1, piece), field(2, { float: score }), field(3, type)])),
  )
  return Buffer.concat([...messages, field(2, field(3, kind))])
}

const controls: readonly Piece[] = [
  ['<unk>', 0, pieceType.unknown],
  ['<s>', 0, pieceType.control],
  ['</s>', 0, pieceType.control],
]
const unigram = sentencePiece(
  [...controls, ['▁a', -1], ['b', -2], ['▁', -3], ['ab', -4], ['<tag>', 0, pieceType.userDefined]],
  1,
)
const bpe: readonly Piece[] = [...controls, ['▁', -4], ['a', -5], ['b', -6], ['ab', -1], ['▁ab', -2], ['bb', -3]]

const tokeniser = (bytes: Buffer, tokenizer_class: string) =>
  new Tokeniser({
    tokenizer: fromSentencePiece(readSentencePiece(bytes, 'x.model'), { config: { tokenizer_class } }, 'x.model'),
  })
const ids = (t: Tokeniser, text: string) => [...t.encode(text).ids]

describe('a SentencePiece model', () => {
  it('of the kind unigram keeps its ids, takes extra spaces away and knows its own tokens', () => {
    const t = tokeniser(unigram, '')
    expect(ids(t, '  a   ab')).toEqual([3, 3, 4])
    expect(ids(t, 'a<tag>zz')).toEqual([3, 7, 5, 0])
    expect(t.decode([3, 4, 3])).toBe('ab a')
  })

  it('of XLM-RoBERTa is renumbered and gets its template', () => {
    const t = tokeniser(unigram, 'XLMRobertaTokenizer')
    expect(ids(t, 'a z')).toEqual([0, 4, 6, 3, 2])
    expect([t.tokenOf(9), t.special['pad'], t.vocabularySize]).toEqual(['<mask>', 1, 10])
  })

  it('of T5 ends with </s> and has the extra ids', () => {
    const t = tokeniser(unigram, 'T5Tokenizer')
    expect(ids(t, 'a<extra_id_0>')).toEqual([3, 107, 2])
    expect([...t.encode('a', 'b').ids]).toEqual([3, 2, 5, 4, 2])
  })

  it('of the kind BPE merges by the scores of its pieces', () => {
    const t = tokeniser(sentencePiece(bpe, 2), 'LlamaTokenizer')
    expect(
      mergesOfScores(
        bpe.map(([piece]) => piece),
        bpe.map(([, score]) => score),
      ),
    ).toEqual([
      ['a', 'b'],
      ['▁', 'ab'],
      ['b', 'b'],
    ])
    expect(ids(t, 'ab abbb')).toEqual([1, 7, 7, 8])
    expect(ids(t, 'xyb')).toEqual([1, 3, 0, 5])
  })

  it('that is cut off, empty or without an unknown piece is refused', () => {
    expect(() => readSentencePiece(unigram.subarray(0, 5), 'x.model')).toThrow(
      /x.model is not a SentencePiece model: a field/,
    )
    expect(() => readSentencePiece(Buffer.alloc(0), 'x.model')).toThrow(/it has no pieces/)
    expect(() => tokeniser(sentencePiece([['a', 0]], 1), '')).toThrow(/1 pieces and none of them is the unknown one/)
  })
})

describe('the tokeniser of a GGUF file', () => {
  const metadata = (values: object) =>
    Object.fromEntries(Object.entries(values).map(([key, value]) => [`tokenizer.ggml.${key}`, value]))
  const llama = {
    model: 'llama',
    tokens: bpe.map(([piece]) => piece),
    scores: Float32Array.from(bpe, ([, score]) => score),
    token_type: Int32Array.from(bpe, ([, , type = 1]) => type),
    bos_token_id: 1n,
    eos_token_id: 2,
  }
  const gpt2 = {
    model: 'gpt2',
    pre: 'smollm',
    tokens: ['1', '2', '12', '<|end|>'],
    token_type: [1, 1, 1, 3],
    merges: ['1 2'],
  }

  it('of the kind llama equals the SentencePiece model', () => {
    const t = new Tokeniser(fromGguf(new Map(Object.entries(metadata(llama)))))
    const own = tokeniser(sentencePiece(bpe, 2), 'LlamaTokenizer')
    for (const text of ['ab abbb', 'xyb', '', 'b b']) expect(ids(t, text)).toEqual(ids(own, text))
    expect(t.special).toMatchObject({ bos: 1, eos: 2, unk: 0 })
  })

  it('of the kind gpt2 splits words as its name says, and keeps the chat template', () => {
    const files = fromGguf({ ...metadata({ ...gpt2, eos_token_id: 3 }), 'tokenizer.chat_template': '{{ eos_token }}' })
    const t = new Tokeniser(files)
    expect(ids(t, '12<|end|>')).toEqual([0, 1, 3])
    expect(t.chat([]).text).toBe('<|end|>')
    const plain = new Tokeniser(fromGguf(metadata({ ...gpt2, pre: 'gpt-2' })))
    expect(ids(plain, '12')).toEqual([2])
  })

  it('that is of another kind, or incomplete, is refused', () => {
    expect(() => fromGguf(metadata({ ...gpt2, model: 'rwkv' }))).toThrow(
      /of the kind "rwkv" .* expected "gpt2" or "llama"/,
    )
    expect(() => fromGguf(metadata({ ...gpt2, pre: 'moon' }))).toThrow(
      /splits words as "moon" .* known are default, gpt-2/,
    )
    expect(() => fromGguf(metadata({ ...gpt2, merges: undefined }))).toThrow(/no list tokenizer.ggml.merges/)
    expect(() => fromGguf(metadata({ ...llama, token_type: [] }))).toThrow(/has no unknown token/)
    expect(() => fromGguf({})).toThrow(/no list tokenizer.ggml.tokens/)
  })
})
