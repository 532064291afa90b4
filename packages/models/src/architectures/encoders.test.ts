import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GraphBuilder, tensorOf } from '@volant/graph'
import { Context, compute } from '@volant/nn'
import { describe, expect, it } from 'vitest'
import { openWeights } from '../files/open.js'
import { Config } from './config.js'
import { separated } from './fused.js'
import { readWeights } from './names.js'
import { encoderOf } from './registry.js'

const fixtures = fileURLToPath(new URL('../../test/fixtures', import.meta.url))

interface Expected {
  readonly ids: number[][]
  readonly mask: number[][]
  /** A row for every token. */
  readonly hidden: number[][]
}

const json = (...path: string[]) => JSON.parse(readFileSync(join(...path), 'utf8'))

describe('encoders say what the reference implementation says', () => {
  const encoders = readdirSync(fixtures).filter((name) => existsSync(join(fixtures, name, 'expected.json')))

  it.each(encoders)('%s', async (name) => {
    const folder = join(fixtures, name)
    const { ids, mask, hidden } = json(folder, 'expected.json') as Expected
    const config = new Config(json(folder, 'config.json'), name)
    const architecture = encoderOf(config)
    const network = architecture.network(config)
    const file = await openWeights(folder)
    const shown = architecture.fused ? separated(file, architecture.fused) : file
    const weights = await readWeights(network, architecture, shown, name)
    await file.close()

    const builder = new GraphBuilder()
    const context = new Context(builder, network)
    const [rows, time] = [ids.length, ids[0]!.length]
    const states = network.apply(context, context.input('ids', 'int64', ['B', 'T']), {
      mask: context.input('mask', 'bool', ['B', 'T']),
    })
    const result = await compute(
      { states },
      {
        ...Object.fromEntries(weights),
        ids: tensorOf('int64', [rows, time], ids.flat()),
        mask: tensorOf('bool', [rows, time], mask.flat()),
      },
    )
    const found = (result.states as number[][][]).flat()
    const tokens = mask.flat().flatMap((one, place) => (one ? [place] : []))
    expect(tokens.length).toBeGreaterThan(8)
    for (const place of tokens)
      for (const [at, value] of hidden[place]!.entries()) expect(found[place]![at]).toBeCloseTo(value, 4)
  })
})
