import { tensorOf } from '@volant/graph'
import { afterAll, describe, expect, it } from 'vitest'
import { initialise } from '../modules/tree.js'
import { EncoderDecoder } from '../networks/encoder-decoder.js'
import { GPT, type GptOptions } from '../networks/gpt.js'
import { Random } from '../random.js'
import { openLowered } from '../runtime/lowered.js'
import { openSession } from '../runtime/session.js'
import { beamSearch } from './beam.js'
import { TextGenerator } from './generate.js'
import { sampleToken } from './sampling.js'
import { inferenceModel, stepModel } from './steps.js'
import { padded, SequenceTranslator } from './translate.js'

/** First weights with larger numbers, so that the most likely token stands out. */
const weights = (model: object, scale: number) =>
  new Map(
    [...initialise(model, 3)].map(([path, tensor]) => {
      const data = (tensor.data as Float32Array).map((x) => (path.endsWith('gamma') ? x : x * scale))
      return [path, { ...tensor, data }]
    }),
  )

const small = { vocabulary: 23, context: 12, layers: 2, heads: 4, width: 16 }
const forms: Record<string, GptOptions> = {
  'GPT-2': small,
  Llama: {
    ...small,
    positions: 'rotary',
    normalisation: 'rms',
    activation: 'swiglu',
    bias: false,
    keyHeads: 2,
    tied: false,
  },
  Qwen2: { ...small, positions: 'rotary', normalisation: 'rms', bias: false, projectionBias: true, rotaryBase: 100 },
  Qwen3: { ...small, positions: 'rotary', normalisation: 'rms', bias: false, headWidth: 6, headNorm: 1e-6 },
}

describe.each(Object.entries(forms))('generation with a network like %s', (_name, options) => {
  const model = new GPT(options)
  const opened = TextGenerator.open(model, weights(model, 8))
  afterAll(async () => (await opened).release())

  it('gives the same tokens with and without a cache, also for a batch and beyond the context', async () => {
    const generator = await opened
    const prompts = [[1, 2, 3, 4, 5], [7], Array.from({ length: 15 }, (_, i) => i)]
    for (const sampling of [{ temperature: 0 }, { temperature: 0.8, topK: 9, topP: 0.95, repetitionPenalty: 1.3 }]) {
      const settings = { ...sampling, length: 20, seed: 5 }
      const cached = await generator.generate(prompts, settings)
      expect(await generator.generate(prompts, { ...settings, cache: false })).toEqual(cached)
      expect(cached.map((tokens) => tokens.length)).toEqual([20, 20, 20])
      expect(new Set(cached.flat()).size).toBeGreaterThan(2)
    }
  })

  it('reads a padded prompt of a batch as alone', async () => {
    const generator = await opened
    const prompts = [
      [1, 2, 3, 4, 5],
      [7, 8],
    ]
    const settings = { temperature: 0, length: 6 }
    const together = await generator.generate(prompts, settings)
    for (const [row, prompt] of prompts.entries())
      expect(await generator.generate([prompt], settings)).toEqual([together[row]])
  })

  it('generates the same in a thread of its own', async () => {
    const settings = { length: 7, seed: 2 }
    const prompts = [[1, 2], [3]]
    const away = await TextGenerator.open(model, weights(model, 8), { worker: true, threads: 2 })
    expect(await away.generate(prompts, settings)).toEqual(await (await opened).generate(prompts, settings))
    await away.release()
  })

  it('streams what it generates, and ends at a stop token', async () => {
    const generator = await opened
    const settings = { length: 8, seed: 11 }
    const [all] = await generator.generate([[3, 1]], settings)
    const streamed: number[] = []
    for await (const token of generator.stream([3, 1], settings)) streamed.push(token)
    expect(streamed).toEqual(all)
    const stop = all![4]!
    const [stopped] = await generator.generate([[3, 1]], { ...settings, stop: [stop] })
    expect(stopped).toEqual(all!.slice(0, all!.indexOf(stop)))
    expect((await generator.generate([[3, 1]], { ...settings, seed: 12 }))[0]).not.toEqual(all)
  })
})

it('gives the same logits with a cache that has grown as without one', async () => {
  const model = new GPT({ ...small, ...forms['Llama'], context: 600 })
  const generator = await TextGenerator.open(model, weights(model, 8))
  const [sequences, more] = [
    [3, 4].map((row) => Array.from({ length: 250 }, (_, i) => (i * row) % 23)),
    [5, 1, 7, 2, 9, 20, 3, 6, 8],
  ]
  await generator.steps.start(sequences)
  let cached: Float32Array[] = []
  for (const token of more) cached = await generator.steps.next([token, token + 1])
  const whole = await generator.steps.start(sequences.map((ids, row) => [...ids, ...more.map((token) => token + row)]))
  await generator.release()
  for (const [row, logits] of whole.entries())
    for (const [token, logit] of logits.entries()) expect(cached[row]![token]).toBeCloseTo(logit, 4)
})

it('refuses empty prompts and impossible options', async () => {
  const model = new GPT(small)
  const generator = await TextGenerator.open(model, initialise(model, 1))
  await expect(generator.generate([[1], []], { length: 1 })).rejects.toThrow('prompt 1 has no token')
  await expect(generator.generate([[1]], { length: 1, topP: 0 })).rejects.toThrow('topP is 0')
  await expect(generator.generate([[1]], { length: 1, temperature: -1 })).rejects.toThrow('temperature is -1')
  await generator.release()
})

describe('sampling', () => {
  const logits = Float32Array.from([0.1, 0.6, 0.2, 0.1], Math.log)
  const shares = (options: Parameters<typeof sampleToken>[1], seen?: number[]) => {
    const random = new Random(1)
    const counts = [0, 0, 0, 0]
    for (let i = 0; i < 20_000; i++) counts[sampleToken(logits, options, random, seen)]! += 1 / 20_000
    return counts.map((share) => Number(share.toFixed(2)))
  }

  it('draws by probability', () => expect(shares({})).toEqual([0.1, 0.6, 0.2, 0.1]))
  it('takes the largest at temperature 0, the first of equals', () => {
    expect(sampleToken(logits, { temperature: 0 }, new Random(1))).toBe(1)
    expect(sampleToken(Float32Array.of(2, 5, 5), { temperature: 0 }, new Random(1))).toBe(1)
  })
  it('flattens by the square root at temperature 2', () => {
    const roots = [0.1, 0.6, 0.2, 0.1].map(Math.sqrt)
    const sum = roots.reduce((a, b) => a + b)
    shares({ temperature: 2 }).forEach((share, i) => {
      expect(share).toBeCloseTo(roots[i]! / sum, 1)
    })
  })
  it('keeps the k most likely', () => expect(shares({ topK: 2 })).toEqual([0, 0.75, 0.25, 0]))
  it('keeps what reaches the probability p', () => {
    expect(shares({ topP: 0.6 })).toEqual([0, 1, 0, 0])
    expect(shares({ topP: 0.7 })).toEqual([0, 0.75, 0.25, 0])
  })
  it.each([{ temperature: 0 }, {}, { topK: 1 }])('refuses logits that are no numbers: %j', (options) => {
    const logits = Float32Array.of(1, Number.NaN, 2)
    expect(() => sampleToken(logits, options, new Random(1))).toThrow(/the logits are not numbers/)
  })

  it('makes tokens seen before less likely', () => {
    // log 0.6 becomes 2 log 0.6: 0.36 against 0.4 of the others.
    expect(shares({ repetitionPenalty: 2 }, [1, 1])[1]).toBeCloseTo(0.36 / 0.76, 1)
    expect(sampleToken(Float32Array.of(3, 2), { repetitionPenalty: 2, temperature: 0 }, new Random(1), [0])).toBe(1)
  })
})

describe('beam search', () => {
  /** Logits after tokens, at will. */
  const sequencesOf = (score: (tokens: readonly number[]) => number[]) => {
    let rows: number[][] = []
    const logits = () => rows.map((tokens) => Float32Array.from(score(tokens)))
    return {
      start: (count: number) => {
        rows = Array.from({ length: count }, () => [])
        return logits()
      },
      next: async (tokens: readonly number[]) => {
        rows = rows.map((row, i) => [...row, tokens[i]!])
        return logits()
      },
      select: (chosen: readonly number[]) => {
        rows = chosen.map((row) => [...rows[row]!])
      },
    }
  }
  const random = new Random(9)
  const table = new Map<string, number[]>()
  const score = (tokens: readonly number[]) => {
    const key = tokens.join()
    if (!table.has(key))
      table.set(
        key,
        Array.from({ length: 4 }, () => 2 * random.normal()),
      )
    return table.get(key)!
  }
  const END = 0

  /** Every sequence up to a length, best first. */
  function exhaustive(length: number, alpha: number) {
    const all: { tokens: number[]; score: number }[] = []
    const visit = (tokens: number[], logProbability: number) => {
      const logits = score(tokens)
      const total = Math.log(logits.reduce((sum, x) => sum + Math.exp(x), 0))
      for (let token = 0; token < 4; token++) {
        const p = logProbability + logits[token]! - total
        const made = tokens.length + 1
        if (token === END || made === length)
          all.push({ tokens: token === END ? tokens : [...tokens, token], score: p / ((5 + made) / 6) ** alpha })
        else visit([...tokens, token], p)
      }
    }
    visit([], 0)
    return all.sort((a, b) => b.score - a.score)
  }

  it.each([0, 0.6, 2])(
    'with enough beams finds the best of all sequences, length penalty %s',
    async (lengthPenalty) => {
      const sequences = sequencesOf(score)
      const options = { beams: 60, length: 4, lengthPenalty, end: END }
      const found = await beamSearch(sequences, sequences.start(120), options)
      const [best] = exhaustive(4, lengthPenalty)
      for (const [first] of found) {
        expect(first!.tokens).toEqual(best!.tokens)
        expect(first!.score).toBeCloseTo(best!.score, 5)
      }
    },
  )

  it('with one beam takes the most likely token each time', async () => {
    const sequences = sequencesOf(score)
    const [found] = await beamSearch(sequences, sequences.start(1), { beams: 1, length: 5, end: END })
    const greedy: number[] = []
    for (let token = -1; token !== END && greedy.length < 5; ) {
      const logits = score(greedy)
      token = logits.indexOf(Math.max(...logits))
      if (token !== END) greedy.push(token)
    }
    expect(found![0]!.tokens).toEqual(greedy)
  })
})

describe('encoder-decoder', () => {
  const model = new EncoderDecoder({ source: 11, target: 13, context: 10, layers: 2, heads: 2, width: 8 })
  const parameters = weights(model, 3)
  const sources = [
    [1, 2, 3, 4],
    [5, 6],
  ]

  it('scores what it finds as the whole model does, sources padded or not', async () => {
    const translator = await SequenceTranslator.open(model, parameters)
    const options = { first: 1, end: 2, length: 8, beams: 3, lengthPenalty: 1 }
    const found = await translator.translate(sources, options)
    for (const [row, source] of sources.entries()) {
      const [alone] = await translator.translate([source], options)
      expect(alone!.map(({ tokens }) => tokens)).toEqual(found[row]!.map(({ tokens }) => tokens))
    }
    await translator.release()

    const whole = await openSession(
      inferenceModel(model, parameters, (context) => {
        const source = context.input('source', 'int64', ['B', 'S'])
        const sourceMask = context.input('mask', 'bool', ['B', 'S'])
        const target = context.input('target', 'int64', ['B', 'T'])
        return { logits: model.apply(context, { source, sourceMask, target }) }
      }),
    )
    for (const [row, hypotheses] of found.entries())
      for (const { tokens, score } of hypotheses) {
        const { ids, mask } = padded([sources[row]!])
        const written = [1, ...tokens, ...(tokens.length < 8 ? [2] : [])]
        const target = tensorOf('int64', [1, written.length - 1], written.slice(0, -1))
        const { logits } = await whole.run({ source: ids, mask, target })
        const sum = written.slice(1).reduce((total, token, place) => {
          const own = (logits!.data as Float32Array).subarray(place * 13, (place + 1) * 13)
          return total + own[token]! - Math.log(own.reduce((a, x) => a + Math.exp(x), 0))
        }, 0)
        expect(score).toBeCloseTo(sum / ((5 + written.length - 1) / 6), 4)
      }
    await whole.release()
  })
})

it('a model whose weights lie beside the file computes the same', async () => {
  const model = new GPT({ vocabulary: 600, context: 8, width: 32, layers: 1, heads: 2 })
  const lowered = stepModel(model.stepModel(), initialise(model, 3))
  const none = { dtype: 'float32', dims: [0, 1, 32], data: new Float32Array() } as const
  const feeds = {
    ids: tensorOf('int64', [1, 3], [5, 500, 7]),
    positions: tensorOf('int64', [1, 3], [0, 1, 2]),
    mask: tensorOf('bool', [1, 3], [1, 1, 1]),
    'keys.0': none,
    'values.0': none,
  }
  const [inside, beside] = await Promise.all(
    [Number.POSITIVE_INFINITY, 0].map(async (large) => {
      const session = await openLowered(lowered, {}, large)
      const { logits } = await session.run(feeds)
      await session.release()
      return logits!.data
    }),
  )
  expect(inside!.length).toBe(600)
  expect(beside).toEqual(inside)
})
