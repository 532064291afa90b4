import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { nastyStrings } from '../../test/nasty-strings.js'
import { askPython, python, runPython } from '../../test/python.js'
import { fromSentencePiece } from './convert/from-sentencepiece.js'
import { fromGguf } from './convert/gguf.js'
import { readSentencePiece } from './convert/sentencepiece.js'
import type { TokenizerJson } from './json.js'
import { openTokeniser } from './open.js'
import { Tokeniser } from './tokeniser.js'
import { trainTokeniser } from './train/train.js'

const models = process.env['VOLANT_TEST_MODELS']
const has = (name: string) => models !== undefined && fs.existsSync(path.join(models, name))
const texts = nastyStrings(400)

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-tokenisers-'))
afterAll(() => fs.rmSync(folder, { recursive: true }))

interface Answer {
  texts: number[][]
  bare: number[][]
  decoded: string[]
  pairs: [number[], number[]][]
  words: [number[], number[]][]
}

function expectParity(json: TokenizerJson): void {
  const file = path.join(folder, 'tokenizer.json')
  fs.writeFileSync(file, JSON.stringify(json))
  const tokeniser = new Tokeniser({ tokenizer: json })
  const pairs = texts.slice(1).map((text, i) => [texts[i]!, text] as [string, string])
  const words = texts.map((text) => text.split(/\s+/).filter(Boolean))
  const max = 13
  const ask = (request: object) => askPython<Answer>('tokenise.py', { file, ...request })
  const whole = ask({ texts, pairs, words })
  expect(texts.map((text) => [...tokeniser.encode(text).ids])).toEqual(whole.texts)
  expect(texts.map((text) => [...tokeniser.encode(text, null, { special: false }).ids])).toEqual(whole.bare)
  expect(whole.texts.map((ids) => tokeniser.decode(ids))).toEqual(whole.decoded)
  for (const ids of whole.texts) {
    const stream = tokeniser.decodeStream()
    expect(ids.map((id) => stream.push(id)).join('') + stream.end()).toBe(tokeniser.decode(ids))
  }
  expect(tokeniser.encodeBatch(pairs).map(({ ids, types }) => [[...ids], [...types]])).toEqual(whole.pairs)
  const cut = ask({ texts, pairs, words, max })
  const options = { maxTokens: max }
  expect(tokeniser.encodeBatch(texts, options).map(({ ids }) => [...ids])).toEqual(cut.texts)
  expect(tokeniser.encodeBatch(pairs, options).map(({ ids, types }) => [[...ids], [...types]])).toEqual(cut.pairs)
  if (json.pre_tokenizer?.type === 'BertPreTokenizer')
    expect(words.map((w) => tokeniser.encodeWords(w, options)).map((e) => [[...e.ids], [...e.words]])).toEqual(
      cut.words,
    )
}

describe.skipIf(!python)(
  'against the Python library (VOLANT_PARITY_PYTHON names a python with tokenizers, sentencepiece and gguf)',
  () => {
    it.skipIf(!has('minilm'))(
      'MiniLM: tokenizer.json, and vocab.txt converted (VOLANT_TEST_MODELS/minilm)',
      async () => {
        const source = path.join(models!, 'minilm')
        const tokeniser = await openTokeniser(source)
        expectParity(tokeniser.files.tokenizer)
        for (const name of ['vocab.txt', 'tokenizer_config.json'])
          fs.copyFileSync(path.join(source, name), path.join(folder, name))
        const converted = await openTokeniser(folder)
        expectParity(converted.files.tokenizer)
        for (const text of texts) expect(converted.encode(text)).toEqual(tokeniser.encode(text))
        expect(converted.special).toEqual(tokeniser.special)
      },
    )

    it.skipIf(!has('smollm2.gguf'))(
      'SmolLM2: from the metadata of its GGUF file (VOLANT_TEST_MODELS/smollm2.gguf)',
      () => {
        const dump =
          'import sys, json, gguf; r = gguf.GGUFReader(sys.argv[1]);' +
          'json.dump({k: f.contents() for k, f in r.fields.items() if k.startswith("tokenizer.")}, sys.stdout)'
        const { tokenizer } = fromGguf(JSON.parse(runPython(['-c', dump, path.join(models!, 'smollm2.gguf')])))
        expectParity(tokenizer)
      },
    )

    it('SentencePiece: unigram as XLM-RoBERTa, ALBERT and T5 have it, BPE as Llama has it', () => {
      const train = `
import sys, sentencepiece as s
lines = sys.stdin.read().split("\\n") * 3
for kind, more in (("unigram", dict(control_symbols=["[CLS]", "[SEP]", "[MASK]"])), ("bpe", dict(byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False))):
    s.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_prefix=sys.argv[1] + kind,
        vocab_size=900, model_type=kind, character_coverage=0.98, hard_vocab_limit=False, minloglevel=2, **more)`
      runPython(['-c', train, `${folder}/`], texts.join('\n').replaceAll('\0', ''))
      const families = {
        unigram: ['', 'XLMRobertaTokenizer', 'AlbertTokenizer', 'T5Tokenizer'],
        bpe: ['LlamaTokenizer'],
      }
      for (const [kind, classes] of Object.entries(families))
        for (const tokenizer_class of classes) {
          const file = path.join(folder, `${kind}.model`)
          const json = fromSentencePiece(
            readSentencePiece(fs.readFileSync(file), file),
            { config: { tokenizer_class } },
            file,
          )
          expectParity(json)
        }
    })

    it('our own trained tokenisers', async () => {
      const lines = [...texts, ...texts]
      for (const kind of ['bpe', 'wordpiece', 'unigram'] as const)
        for (const lowerCase of [false, true]) {
          const tokeniser = await trainTokeniser(lines, { kind, vocabularySize: 1200, lowerCase })
          expectParity(tokeniser.files.tokenizer)
        }
    })
  },
)
