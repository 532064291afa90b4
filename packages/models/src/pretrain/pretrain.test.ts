import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GraphBuilder, tensorOf } from '@volant/graph'
import { Context, compute, type GPT, Random } from '@volant/nn'
import { afterAll, describe, expect, it } from 'vitest'
import { askPython, python } from '../../test/python.js'
import { openDecoder } from '../decoders/pretrained.js'
import { TextWriter } from '../decoders/text.js'
import { TextEmbedder } from '../encoders/embedder.js'
import { openEncoder } from '../encoders/pretrained.js'
import type { MaskedLanguageModel } from './masked.js'
import { type Pretrained, pretrain } from './pretrain.js'
import { type ReplacedTokenModel, sampled } from './replaced.js'
import type { PretrainEvent, PretrainSettings } from './settings.js'
import { startOf } from './start.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-pretrain-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const random = new Random(1, 'texts')
const topics = ['red fox runs', 'blue bird sings', 'green frog jumps', 'white cat sleeps', 'black dog barks']
const repeat = <T>(times: number, make: () => T) => Array.from({ length: times }, make)
const topic = () => topics[random.integer(topics.length)]!

/** A language whose words follow from those before, for decoders. */
const facts = repeat(400, () => repeat(1 + random.integer(3), () => `the ${topic()} .`).join(' '))
/** A language whose words follow from those around, for encoders: any of the three of a topic. */
const talks = repeat(400, () => {
  const words = topic().split(' ')
  return repeat(13, () => words[random.integer(3)]!).join(' ')
})

const small = {
  texts: () => talks,
  layers: 1,
  width: 32,
  heads: 4,
  context: 16,
  batchSize: 16,
  learningRate: 0.005,
  steps: 150,
  seed: 42,
  threads: 1,
} satisfies PretrainSettings

/** Another language and size where an architecture needs it. */
const others: Readonly<Record<string, Partial<PretrainSettings>>> = {
  electra: { learningRate: 0.003, steps: 300 },
  gpt2: { texts: () => facts, layers: 2, context: 32 },
  llama: { texts: () => facts, layers: 2, context: 32 },
}

const made = new Map<string, { pretrained: Pretrained; to: string; events: PretrainEvent[] }>()
async function madeOf(architecture: string) {
  const known = made.get(architecture)
  if (known) return known
  const events: PretrainEvent[] = []
  const pretrained = await pretrain({
    ...small,
    ...others[architecture],
    architecture,
    onEvent: (event) => events.push(event),
  })
  const to = join(folder, architecture)
  await pretrained.save(to, '# A card\n')
  made.set(architecture, { pretrained, to, events })
  return made.get(architecture)!
}

/** What the model in a folder says of token ids, by this program and by transformers. */
async function logits(to: string, model: string, text: string) {
  const start = await startOf({ ...small, base: to })
  const ids = [...start.tokeniser.encode(text).ids]
  const network = start.objective.model
  const context = new Context(new GraphBuilder(), network)
  const given = context.input('ids', 'int64', ['B', 'T'])
  const places = context.input('given:places', 'int64', ['A'])
  const scores =
    model === 'AutoModelForMaskedLM'
      ? (network as MaskedLanguageModel).apply(context, given, places)
      : (network as GPT | ReplacedTokenModel).apply(context, given)
  const feeds = {
    ...Object.fromEntries(start.initial),
    ids: tensorOf('int64', [1, ids.length], ids),
    'given:places': tensorOf('int64', [ids.length], [...ids.keys()]),
  }
  const own = [(await compute({ scores }, feeds)).scores].flat(4) as number[]
  const theirs = askPython<{ logits: unknown[]; wrong: string[]; ids: number[] }>('pretrained_logits.py', {
    folder: to,
    model,
    ids,
    text,
  })
  return { own, theirs: theirs.logits.flat(4) as number[], wrong: theirs.wrong, ids: [ids, theirs.ids] }
}

describe('words of the generator', () => {
  it('are drawn by their probability', async () => {
    const context = new Context(new GraphBuilder(), {})
    const [logits, draws] = [context.input('logits', 'float32', [5, 3]), context.input('draws', 'float32', [5])]
    const row = [0, Math.log(2), 0]
    const feeds = {
      logits: tensorOf('float32', [5, 3], [row, row, row, row, row].flat()),
      draws: tensorOf('float32', [5], [0, 0.24, 0.26, 0.74, 0.76]),
    }
    expect((await compute({ ids: sampled(logits, draws) }, feeds)).ids).toEqual([0, 0, 1, 1, 2])
  })
})

describe('pre-training', () => {
  // Words by their frequency alone cost log(15) = 2.7 of encoders, of decoders 2.6; what is known of them at best 1.1 and 0.4.
  it.each([
    ['bert', 1.6],
    ['roberta', 2.2],
    ['gpt2', 0.7],
    ['llama', 0.7],
  ])('%s: learns the language, and goes on from what it wrote', async (architecture, most) => {
    const { pretrained, to, events } = await madeOf(architecture)
    expect(pretrained.validation.loss).toBeLessThan(most)
    expect(pretrained.history.length).toBeGreaterThan(2)
    expect(pretrained.rows.held).toBeGreaterThan(0)
    expect(new Set(events.map(({ type }) => type))).toEqual(new Set(['tokeniser', 'start', 'step', 'epoch']))
    expect(readFileSync(join(to, 'README.md'), 'utf8')).toBe('# A card\n')
    const { texts, context } = { ...small, ...others[architecture] }
    const again = await pretrain({ ...small, texts, context, base: to, steps: 1, learningRate: 1e-9 })
    expect(again.validation.loss).toBeCloseTo(pretrained.validation.loss, 3)
    expect(again.architecture).toBe(architecture)
  })

  it('electra: the discriminator learns what its generator put in', async () => {
    const { pretrained, to } = await madeOf('electra')
    const { accuracy, discriminator, generator, loss } = pretrained.validation as Record<string, number>
    expect(loss).toBeCloseTo(generator! + 50 * discriminator!, 3)
    // The entropy of whether a token was put in, at two of sixteen, is 0.377.
    expect(discriminator).toBeLessThan(0.34)
    expect(accuracy).toBeGreaterThan(0.875)
    const again = await pretrain({ ...small, base: to, steps: 1, learningRate: 1e-9 })
    expect(again.architecture).toBe('electra')
  })

  it.each(['bert', 'roberta', 'electra'])('%s: texts with the same words are nearer than others', async (name) => {
    const encoder = await openEncoder((await madeOf(name)).to)
    expect(encoder.description).toMatchObject({ longest: 16, pooling: { mode: 'mean', normalise: false } })
    const embedder = await TextEmbedder.open(encoder)
    const { vectors } = await embedder.embed(['red fox runs', 'fox runs red', 'black dog barks'], { normalise: true })
    await embedder.release()
    const cosine = (a: number, b: number) => vectors[a]!.reduce((sum, value, i) => sum + value * vectors[b]![i]!, 0)
    expect(cosine(0, 1)).toBeGreaterThan(cosine(0, 2))
  })

  it.each(['gpt2', 'llama'])('%s: writes sentences of the language', async (name) => {
    const writer = await TextWriter.open(await openDecoder((await madeOf(name)).to))
    const pieces: string[] = []
    for await (const piece of writer.write('the green', { maxTokens: 3, temperature: 0 })) pieces.push(piece)
    await writer.release()
    expect(pieces.join('')).toBe(' frog jumps .')
  })

  it.skipIf(!python).each([
    ['bert', 'AutoModelForMaskedLM'],
    ['roberta', 'AutoModelForMaskedLM'],
    ['electra', 'AutoModelForPreTraining'],
    ['gpt2', 'AutoModelForCausalLM'],
    ['llama', 'AutoModelForCausalLM'],
  ])('%s: transformers say the same', async (name, model) => {
    const { own, theirs, wrong, ids } = await logits((await madeOf(name)).to, model, 'the red fox sings .')
    expect(wrong).toEqual([])
    expect(ids[0]).toEqual(ids[1])
    expect(own.length).toBe(theirs.length)
    for (const [i, value] of own.entries()) expect(value).toBeCloseTo(theirs[i]!, 3)
  })

  it('stopped, it goes on to the same bytes; the steps of the minutes are kept', async () => {
    const state = join(folder, 'state')
    const settings = { ...small, architecture: 'bert', steps: undefined, minutes: 0.05, state }
    const stop = new AbortController()
    const stopped = pretrain({
      ...settings,
      signal: stop.signal,
      onEvent: (event) =>
        event.type === 'step' && existsSync(join(state, 'plan.json')) && event.step === 12 && stop.abort(),
    })
    await expect(stopped).rejects.toThrow('aborted')
    const { steps } = JSON.parse(readFileSync(join(state, 'plan.json'), 'utf8'))
    const events: PretrainEvent[] = []
    const resumed = await pretrain({ ...settings, onEvent: (event) => events.push(event) })
    expect(events.find(({ type }) => type === 'start')).toMatchObject({ step: 12 })
    expect(events.some(({ type }) => type === 'timing')).toBe(false)
    expect(resumed.steps).toBe(steps)
    const whole = await pretrain({ ...settings, minutes: undefined, state: undefined, steps })
    for (const [name, one] of [
      ['resumed', resumed],
      ['whole', whole],
    ] as const)
      await one.save(join(folder, name))
    const bytes = (name: string) => readFileSync(join(folder, name, 'model.safetensors'))
    expect(bytes('resumed').equals(bytes('whole'))).toBe(true)
  })

  it('times again where it was killed while it wrote down its plan', async () => {
    const state = join(folder, 'torn')
    mkdirSync(state)
    writeFileSync(join(state, 'plan.json'), '{"key":"12')
    const { steps } = await pretrain({ ...small, architecture: 'bert', steps: undefined, minutes: 0.01, state })
    expect(JSON.parse(readFileSync(join(state, 'plan.json'), 'utf8')).steps).toBe(steps)
  })

  it.each([{ batchSize: 4 }, { width: 16 }])(
    'times again where the plan is that of other settings: %j',
    async (other) => {
      const state = join(folder, `other-${Object.keys(other)}`)
      const settings = { ...small, architecture: 'bert', steps: undefined, minutes: 0.01, state }
      const timings = async (changes: Partial<PretrainSettings>) => {
        const events: string[] = []
        await pretrain({ ...settings, ...changes, onEvent: ({ type }) => events.push(type) })
        rmSync(join(state, 'training')) // as of a run that was stopped before its first checkpoint
        return events.filter((type) => type === 'timing').length
      }
      expect([await timings({}), await timings({}), await timings(other)]).toEqual([1, 0, 1])
    },
  )

  it.each<[Partial<PretrainSettings>, RegExp]>([
    [{ architecture: 'rnn' }, /"rnn" cannot be pre-trained; those that can are bert, roberta, electra, gpt2, llama/],
    [{ texts: () => [] }, /no text to learn from/],
    [{ texts: () => ['the red fox'] }, /less than one row of 14/],
    [{ vocabulary: 5000 }, /The texts give a vocabulary of \d+ tokens, not 5000/],
    [{ heads: 5 }, /width of 32 cannot be divided by 5 heads/],
    [{ context: 2 }, /context of 2 has no room for a text; take at least 3/],
    [{ minutes: 1 }, /minutes, .* or steps, .*: one of the two/],
    [{ minutes: 0, steps: undefined }, /minutes, a number above 0/],
    [{ steps: 0 }, /steps, a whole number of at least 1/],
    [{ steps: 1, learningRate: 1e9 }, /loss of the rows held out is NaN; take a lower learning rate/],
  ])('refuses %j', async (other, message) => {
    await expect(pretrain({ ...small, architecture: 'bert', ...other })).rejects.toThrow(message)
  })

  it('refuses a base of another architecture', async () => {
    const { to } = await madeOf('gpt2')
    await expect(pretrain({ ...small, architecture: 'bert', base: to })).rejects.toThrow(
      /is of the architecture "gpt2", not "bert"/,
    )
  })
})
