import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { GraphBuilder, readSafetensors, type Tensor, tensorOf, writeSafetensors } from '@volant/graph'
import { Context, compute, type GPT, initialise, type Nested } from '@volant/nn'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { askPython, python } from '../../test/python.js'
import { writeAdapter } from '../adapters/write.js'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { readDecoderAdapter, writeMergedDecoder } from './adapter.js'
import { type Chat, chatBatch, chatInputs, encodeChat, holdOut, packChats, readChats } from './chats.js'
import { architectureOf, decoderNetwork, fourBitNetwork, openDecoder, type PretrainedDecoder } from './pretrained.js'
import { TextWriter } from './text.js'
import { answerLoss, type TuneOptions, tuneDecoder } from './tune.js'
import { writeDecoder } from './write.js'

/** A decoder of random weights whose tokens are bytes. */
const fixture = fileURLToPath(new URL('../../test/fixtures/writer', import.meta.url))
const written = 'user: a\nassistant: b'

let ids: number[]
let folder = ''
let decoder: PretrainedDecoder
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-tune-'))
  decoder = await openDecoder(fixture)
  await writeGpt2()
  ids = Array.from(new Tokeniser(decoder.description.tokeniser).encode(written).ids)
})
afterAll(() => rm(folder, { recursive: true, force: true }))

const gpt2 = () => path.join(folder, 'gpt2')

/** A GPT-2 of random weights with the same tokens: its files hold queries, keys and values as one layer. */
async function writeGpt2(): Promise<void> {
  const config = { model_type: 'gpt2', vocab_size: 260, n_positions: 320, n_embd: 16, n_layer: 2, n_head: 2 }
  const description = { ...decoder.description, config: { ...config, eos_token_id: 259, bos_token_id: 259 } }
  const weights = new Map(
    [...initialise(decoderNetwork(description), 1)].map(([name, { dims, data }]) => {
      return [
        name,
        { dtype: 'float32', dims, data: Float32Array.from(data as Float32Array, (one) => 5 * one) },
      ] as const
    }),
  )
  await writeDecoder(gpt2(), { description, weights })
}

const chat = (question: string, answer: string): Chat => ({
  messages: [
    { role: 'user', content: question },
    { role: 'assistant', content: answer },
  ],
})
const chats = Array.from({ length: 24 }, (_, i) =>
  chat(`which ${'abc'[i % 3]} ${i}?`, ['Yes.', 'No!', 'So so'][i % 3]!),
)
const settings: TuneOptions = {
  epochs: 3,
  learningRate: 0.02,
  batchSize: 2,
  maxTokens: 96,
  threads: 1,
  lora: { rank: 4 },
}

async function logits(network: GPT, weights: ReadonlyMap<string, Tensor>): Promise<number[][]> {
  const context = new Context(new GraphBuilder(), network)
  const scores = network.apply(context, context.input('ids', 'int64', ['B', 'T']))
  const feeds = { ...Object.fromEntries(weights), ids: tensorOf('int64', [1, ids.length], ids) }
  return ((await compute({ scores }, feeds)).scores as Nested[][])[0] as number[][]
}

const difference = (a: readonly number[][], b: readonly number[][]) =>
  Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i]![j]!))))

describe('packing', () => {
  it('keeps conversations of one row apart: the loss is the mean of what each has alone', async () => {
    const network = decoderNetwork(decoder.description)
    const tokeniser = new Tokeniser(decoder.description.tokeniser)
    const encoded = chats.slice(0, 5).map((one) => encodeChat(one, tokeniser))
    const weights = Object.fromEntries(await decoder.weights())
    const lossOf = async (rows: (typeof encoded)[]) => {
      const context = new Context(new GraphBuilder(), network)
      const inputs = Object.entries(chatInputs).map(
        ([name, { dtype, shape }]) => [name, context.input(name, dtype, [...shape])] as const,
      )
      const loss = answerLoss(network, context, Object.fromEntries(inputs))
      return (await compute({ loss }, { ...weights, ...chatBatch(rows) })).loss as number
    }
    const tokens = encoded.map(({ learnt }) => learnt.reduce((a, b) => a + b, 0))
    const alone = await Promise.all(encoded.map((one) => lossOf([[one]])))
    const mean = alone.reduce((sum, loss, i) => sum + loss * tokens[i]!, 0) / tokens.reduce((a, b) => a + b)
    expect(new Set(alone.map((loss) => loss.toFixed(4))).size).toBe(5)
    expect(await lossOf([encoded.slice(0, 3), encoded.slice(3)])).toBeCloseTo(mean, 5)
    expect(await lossOf(packChats(encoded, 80))).toBeCloseTo(mean, 5)
  })

  it('fills rows up to their room with every conversation once', () => {
    const encoded = [30, 5, 20, 10, 25, 40].map((length) => ({
      ids: new Int32Array(length),
      learnt: new Uint8Array(length),
    }))
    const rows = packChats(encoded, 35).map((row) => row.map((one) => one.ids.length))
    expect(rows).toEqual([[40], [30, 5], [25, 10], [20]])
  })

  it('learns the answers and the tokens that end them only', () => {
    const tokeniser = new Tokeniser(decoder.description.tokeniser)
    const learntOf = (one: Chat) => {
      const { ids, learnt } = encodeChat(one, tokeniser)
      return Array.from(ids).flatMap((id, i) => (learnt[i] ? [id] : []))
    }
    const text = (some: number[]) => tokeniser.decode(some)
    expect(text(learntOf(chat('Who?', 'Me')))).toBe('Me')
    const prompted = learntOf({ prompt: 'Once ', completion: 'more' })
    expect([text(prompted.slice(0, -1)), prompted.at(-1)]).toEqual(['more', 259])
  })
})

describe('conversations as JSON lines', () => {
  const read = async (...lines: string[]) => {
    const file = path.join(folder, 'chats.jsonl')
    await writeFile(file, lines.join('\n'))
    return readChats(file)
  }

  it('are read, and refused by line', async () => {
    const line = '{"prompt": "a", "completion": "b"}'
    expect(await read(line, '', JSON.stringify(chats[0]), '')).toEqual([JSON.parse(line), chats[0]])
    expect(await read(`\uFEFF${line}`)).toEqual([JSON.parse(line)])
    await expect(read(line, '{')).rejects.toThrow(/chats\.jsonl", line 2: is not JSON/)
    await expect(read('{"text": "a"}')).rejects.toThrow(/line 1: expected \{"messages"/)
    await expect(read('{"messages": [{"role": "user", "content": "a"}]}')).rejects.toThrow(/line 1: no message has/)
    await expect(read('')).rejects.toThrow(/holds no conversation/)
    await expect(readChats(path.join(folder, 'none'))).rejects.toThrow(/none" cannot be read \(ENOENT\)/)
  })

  it('give every tenth away to validate on, the same for the same seed', () => {
    const { learnt, held } = holdOut(chats, 1)
    expect([learnt.length, held.length]).toEqual([22, 2])
    expect(new Set([...learnt, ...held])).toEqual(new Set(chats))
    expect(holdOut(chats, 1)).toEqual({ learnt, held })
  })
})

describe.each([
  ['Llama', { rank: 4 }],
  ['Llama', { rank: 4, dora: true }],
  ['GPT-2', { rank: 4 }],
  ['GPT-2', { rank: 6, dora: true, rankStabilised: true }],
])('%s tuned with %o', (kind, lora) => {
  it('saved, loaded, merged and gone on with gives equal logits', { timeout: 180_000 }, async () => {
    const from = kind === 'Llama' ? fixture : gpt2()
    const decoder = await openDecoder(from)
    const named = (name: string) => path.join(folder, `${name}-${kind}-${'dora' in lora}`)
    const options = { ...settings, lora, valid: chats.slice(0, 6) }
    const tuned = await tuneDecoder(decoder, chats, options)
    expect(tuned.after!).toBeLessThan(tuned.before! - 0.5)
    const own = await logits(tuned.network, tuned.weights)
    const base = await logits(decoderNetwork(decoder.description), await decoder.weights())
    expect(difference(own, base)).toBeGreaterThan(0.1)

    const adapter = named('adapter')
    await tuned.save(adapter)
    const network = decoderNetwork(decoder.description)
    const loaded = await readDecoderAdapter(adapter, decoder, network, await decoder.weights())
    expect(difference(await logits(network, loaded), own)).toBeLessThan(1e-5)

    const merged = named('merged')
    await writeMergedDecoder(merged, decoder, tuned)
    const whole = await openDecoder(merged)
    expect(difference(await logits(decoderNetwork(whole.description), await whole.weights()), own)).toBeLessThan(1e-5)
    expect(whole.description.ends).toEqual(decoder.description.ends)

    const checkpoint = { file: named('run'), every: 1 }
    const stop = new AbortController()
    const onEvent = (event: { type: string; step?: number }) => {
      if (event.type === 'step' && event.step === 4) stop.abort()
    }
    await expect(
      tuneDecoder(decoder, chats, { ...options, checkpoint, onEvent, signal: stop.signal }),
    ).rejects.toThrow()
    const { tensors } = readSafetensors(await readFile(checkpoint.file))
    expect([...tensors.keys()].filter((name) => !name.includes('adapter') && !name.includes('loss'))).toEqual([])
    const resumed = await tuneDecoder(decoder, chats, { ...options, checkpoint })
    expect(await logits(resumed.network, resumed.weights)).toEqual(own)
    expect([resumed.before, resumed.after]).toEqual([tuned.before, tuned.after])

    if (python) {
      for (const [base, using] of [
        [from, adapter],
        [merged, null],
      ]) {
        const said = askPython<{ logits: number[][]; text: string }>('peft_logits.py', {
          base,
          adapter: using,
          ids,
        })
        expect(difference(said.logits, own)).toBeLessThan(1e-4)
        expect(said.text).toBe(written)
      }
    }
  })
})

describe('frozen weights in 4 bits', () => {
  it('give the logits of what they stand for, and teach adapters that read again give equal logits', async () => {
    const weights = await decoder.weights(fourBitNetwork(decoder.description))
    expect(weights.get('decoder.layers.0.feedForward.down.weight.numbers')!.dims).toEqual([16, 1, 16])
    expect([...weights.keys()].filter((path) => path.endsWith('attention.query.weight'))).toEqual([])
    const rounded = await logits(fourBitNetwork(decoder.description), weights)
    const whole = await logits(decoderNetwork(decoder.description), await decoder.weights())
    expect(difference(rounded, whole)).toBeGreaterThan(1e-4)
    expect(difference(rounded, whole)).toBeLessThan(0.5)

    const tuned = await tuneDecoder(decoder, chats, { ...settings, valid: chats.slice(0, 6), quantise: '4bit' })
    expect(tuned.after!).toBeLessThan(tuned.before! - 0.5)
    const own = await logits(tuned.network, tuned.weights)
    const adapter = path.join(folder, 'adapter-4bit')
    await tuned.save(adapter)
    const network = fourBitNetwork(decoder.description)
    const loaded = await readDecoderAdapter(adapter, decoder, network, await decoder.weights(network))
    expect(difference(await logits(network, loaded), own)).toBeLessThan(1e-5)
  })

  it('are refused for DoRA in one sentence', async () => {
    await expect(
      tuneDecoder(decoder, chats, { ...settings, quantise: '4bit', lora: { dora: true } }),
    ).rejects.toMatchObject({
      code: 'bad-adapter',
      message: expect.stringContaining('in 4-bit numbers here; take LoRA'),
    })
  })
})

/** What a decoder with an adapter says to "Where?". */
async function answerOf(base: PretrainedDecoder, adapter: string): Promise<string> {
  const writer = await TextWriter.open(base, { adapters: [adapter] })
  let answer = ''
  const asked = [{ role: 'user', content: 'Where?' }]
  for await (const piece of writer.write(asked, { temperature: 0, maxTokens: 4, adapter: 1 })) answer += piece
  await writer.release()
  return answer
}

describe('an adapter', () => {
  it('is used by TextWriter, and refused with another base in one sentence', { timeout: 60_000 }, async () => {
    const adapter = path.join(folder, 'short')
    const tuned = await tuneDecoder(decoder, [chat('Where?', 'Here')], { ...settings, epochs: 80 })
    await tuned.save(adapter)
    expect((await readdir(adapter)).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors'])
    expect(await answerOf(decoder, adapter)).toMatch(/^Here/)

    const other = path.join(folder, 'other')
    await cp(fixture, other, { recursive: true })
    const file = path.join(other, 'model.safetensors')
    const { tensors } = readSafetensors(await readFile(file))
    await writeFile(file, writeSafetensors(tensors, { changed: 'yes' }))
    await expect(TextWriter.open(await openDecoder(other), { adapters: [adapter] })).rejects.toMatchObject({
      code: 'other-base',
      message: expect.stringMatching(/the adapter belongs to ".*writer", whose weights have the sha256/),
    })
  })

  it('is not made of conversations without an answer within the room', async () => {
    await expect(tuneDecoder(decoder, chats, { ...settings, maxTokens: 8 })).rejects.toThrow(
      /No conversation has an answer within 8 tokens/,
    )
  })

  it('of GPT-2 has one for queries, keys and values, which TextWriter reads as it was', {
    timeout: 60_000,
  }, async () => {
    const base = await openDecoder(gpt2())
    const adapter = path.join(folder, 'gpt2-short')
    const options = { ...settings, epochs: 80, targets: ['**.query', '**.value', '**.up'], lora: { rank: 6 } }
    const tuned = await tuneDecoder(base, [chat('Where?', 'Here')], options)
    await tuned.save(adapter)
    const config = JSON.parse(await readFile(path.join(adapter, 'adapter_config.json'), 'utf8'))
    expect(config).toMatchObject({ fan_in_fan_out: true, r: 6, lora_alpha: 12 })
    expect(config.rank_pattern).toEqual({ 'transformer.h.0.attn.c_attn': 12, 'transformer.h.1.attn.c_attn': 12 })
    const { tensors } = readSafetensors(await readFile(path.join(adapter, 'adapter_model.safetensors')))
    const layer = 'base_model.model.transformer.h.1.attn.c_attn'
    expect(tensors.get(`${layer}.lora_A.weight`)!.dims).toEqual([12, 16])
    expect(tensors.get(`${layer}.lora_B.weight`)!.dims).toEqual([48, 12])

    const loaded = await readDecoderAdapter(adapter, base, decoderNetwork(base.description), await base.weights())
    const own = [...tuned.weights].filter(([name]) => name.includes('.adapter.'))
    expect(own.length).toBe(12)
    for (const [name, tensor] of own) expect([name, loaded.get(name)]).toEqual([name, tensor])
    expect(await answerOf(base, adapter)).toMatch(/^Here/)
  })

  it.skipIf(!python).each([{}, { use_dora: true, use_rslora: true }])(
    'of GPT-2 that PEFT made with %o gives its logits, also written anew (VOLANT_PARITY_PYTHON)',
    { timeout: 120_000 },
    async (settings) => {
      const base = await openDecoder(gpt2())
      const adapter = path.join(folder, `peft-${Object.keys(settings).length}`)
      const targets = { target_modules: ['c_attn', 'c_fc', 'c_proj'], fan_in_fan_out: true, r: 3, lora_alpha: 5 }
      const request = { base: gpt2(), adapter, settings: { ...targets, ...settings }, ids }
      const said = askPython<{ logits: number[][] }>('peft_adapter.py', request)
      const read = async (from: string) => {
        const network = decoderNetwork(base.description)
        const weights = await readDecoderAdapter(from, base, network, await base.weights())
        return { network, weights }
      }
      const { network, weights } = await read(adapter)
      expect(difference(await logits(network, weights), said.logits)).toBeLessThan(1e-4)
      expect(
        difference(await logits(decoderNetwork(base.description), await base.weights()), said.logits),
      ).toBeGreaterThan(0.1)

      const again = `${adapter}-again`
      const architecture = architectureOf(base.description)
      const named = { name: 'gpt2', hash: await base.hash() }
      await writeAdapter(again, { network, architecture, weights, base: named, prefix: 'transformer.' })
      expect(JSON.parse(await readFile(path.join(again, 'adapter_config.json'), 'utf8')).rank_pattern).toEqual({})
      const reread = await read(again)
      expect(difference(await logits(reread.network, reread.weights), said.logits)).toBeLessThan(1e-4)
    },
  )
})
