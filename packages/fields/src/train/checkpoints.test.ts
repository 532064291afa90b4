import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Row, tableFromRows } from '@volant/data'
import { afterAll, describe, expect, it } from 'vitest'
import { network } from '../candidates/network.js'
import { tickets } from '../fixtures.js'
import { parseSpec } from '../spec/parse.js'
import { readDataset } from './dataset.js'
import { fitOutputs } from './outputs.js'

const folder = mkdtempSync(path.join(tmpdir(), 'volant-checkpoints-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const spec = parseSpec({
  inputs: { message: 'text' },
  outputs: { queue: 'category' },
  train: { encoder: 'bag', epochs: 2 },
})
const read = (rows: readonly Row[]) => readDataset(tableFromRows(rows), spec, () => {})
const [rows, more] = [tickets(200), tickets(230).slice(200)]

/** The first share, 0 … 1, that a training tells which is stopped at the share `until`. */
async function firstShare(checkpoints: string, training: readonly Row[], validation: readonly Row[], until: number) {
  const [train, valid] = [await read(training), await read(validation)]
  const stop = new AbortController()
  const shares: number[] = []
  await network('bag')
    .train({
      spec,
      outputs: fitOutputs(spec, train, () => {}),
      train,
      valid,
      checkpoints,
      threads: 1,
      signal: stop.signal,
      onProgress({ fraction }) {
        if (fraction === undefined) return
        shares.push(fraction)
        if (fraction >= until) stop.abort(new Error('stopped'))
      },
    })
    .catch((error: Error) => expect(error.message).toBe('stopped'))
  return shares[0]!
}

describe('a training that was broken off', () => {
  // The key that finds near-equal rows is the same, and so is the vocabulary.
  const louder = ([first, ...rest]: Row[]) => [{ ...first!, message: String(first!['message']).toUpperCase() }, ...rest]

  it.each([
    ['goes on with the same rows', rows, more, true],
    ['starts anew where a text is in capitals', louder(rows), more, false],
    ['starts anew where a text of the validation rows is', rows, louder(more), false],
  ])('%s', async (name, training, validation, goesOn) => {
    expect((await read(training)).keys).toEqual((await read(rows)).keys)
    expect((await read(validation)).keys).toEqual((await read(more)).keys)
    const checkpoints = path.join(folder, name)
    // Eight updates, the validation after the fourth.
    expect(await firstShare(checkpoints, rows, more, 3 / 8)).toBe(1 / 8)
    expect(await firstShare(checkpoints, training, validation, 6 / 8)).toBe(goesOn ? 4 / 8 : 1 / 8)
  })
})
