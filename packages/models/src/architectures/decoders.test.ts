import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GraphBuilder, tensorOf } from '@volant/graph'
import { Context, compute } from '@volant/nn'
import { describe, expect, it } from 'vitest'
import { openWeights } from '../files/open.js'
import { Config } from './config.js'
import { readWeights } from './names.js'
import { decoderOf } from './registry.js'

const fixtures = fileURLToPath(new URL('../../test/fixtures/decoders', import.meta.url))

interface Expected {
  readonly ids: number[][]
  readonly mask: number[][]
  /** A row for every token. */
  readonly hidden: number[][]
  readonly logits: number[][]
}

const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'))

describe('decoders say what the reference implementation says', () => {
  it.each(readdirSync(fixtures))('%s', async (name) => {
    const folder = join(fixtures, name)
    const expected = json(folder, 'expected.json') as Expected
    const config = new Config(json(folder, 'config.json'), name)
    const architecture = decoderOf(config)
    const network = architecture.network(config)
    const file = await openWeights(folder)
    const weights = await readWeights(network, architecture, architecture.view?.(file) ?? file, name)
    await file.close()

    const context = new Context(new GraphBuilder(), network)
    const ids = context.input('ids', 'int64', ['B', 'T'])
    const mask = context.input('mask', 'bool', ['B', 'T'])
    const outputs = { hidden: network.states(context, ids, { mask }), logits: network.apply(context, ids, { mask }) }
    const dims = [expected.ids.length, expected.ids[0]!.length]
    const found = await compute(outputs, {
      ...Object.fromEntries(weights),
      ids: tensorOf('int64', dims, expected.ids.flat()),
      mask: tensorOf('bool', dims, expected.mask.flat()),
    })
    const tokens = expected.mask.flat().flatMap((one, place) => (one ? [place] : []))
    expect(tokens.length).toBeGreaterThan(8)
    for (const output of ['hidden', 'logits'] as const) {
      const rows = (found[output] as number[][][]).flat()
      const differences = tokens.flatMap((place) =>
        rows[place]!.map((x, i) => Math.abs(x - expected[output][place]![i]!)),
      )
      expect(Math.max(...differences)).toBeLessThan(1e-4)
    }
  })
})

describe('what is not computed is refused by name', () => {
  const llama = json(fixtures, 'llama', 'config.json') as Record<string, unknown>

  it.each([
    [
      { rope_scaling: { rope_type: 'yarn', factor: 4 } },
      /rope_scaling: "rope_type" is "yarn", expected one of default, linear, llama3, longrope/,
    ],
    [
      { rope_scaling: { rope_type: 'longrope', short_factor: [1, 1, 1, 1], long_factor: [1, 1, 1, 2] } },
      /rope_scaling: of "longrope" only one list of factors/,
    ],
    [
      { rope_scaling: { rope_type: 'longrope', short_factor: [1, 1], long_factor: [1, 1] } },
      /"long_factor" is \[1,1\], expected 4 numbers above 0/,
    ],
    [{ hidden_act: 'gelu' }, /"hidden_act" is "gelu", expected "silu"/],
    [{ model_type: 'mamba' }, /"mamba" is not known as a decoder; known are gpt2, llama/],
  ])('%j', (change, message) => {
    const config = new Config({ ...llama, ...change }, 'config.json')
    expect(() => decoderOf(config).network(config)).toThrow(message)
  })

  it('asks for what a scaling needs', () => {
    const config = new Config({ ...llama, rope_parameters: { rope_type: 'linear' } }, 'config.json')
    expect(() => decoderOf(config).network(config)).toThrow(/rope_parameters: "factor" is missing, expected a number/)
  })

  it('takes the sliding window as the longest text', () => {
    const config = new Config(json(fixtures, 'mistral', 'config.json'), 'config.json')
    expect(decoderOf(config).network(config).options.context).toBe(10)
  })
})
