import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { tensorOf } from '@volant/graph'
import { adamW, cosine, Linear, meanSquaredError } from '@volant/nn'
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest'
import { trainPlanned } from './iterations.js'
import { type Options, readOptions } from './options.js'
import { type Training, trainUntilStopped } from './training.js'

const folder = mkdtempSync(path.join(tmpdir(), 'volant-training-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const said: string[] = []
vi.spyOn(process.stderr, 'write').mockImplementation((line) => said.push(String(line)) > 0)
afterEach(() => void said.splice(0))

/** A line through 64 points, 8 an update; Ctrl-C when the batch of an update is made. */
function line(maxSteps: number, stopAt?: number): Training {
  const model = { line: new Linear(1, 1) }
  let made = 0
  return {
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 1] }, y: { dtype: 'float32', shape: ['B', 1] } },
    loss: (context, { x, y }) => meanSquaredError(model.line.apply(context, x!), y!),
    data: {
      rows: 64,
      batch(rows) {
        if (++made === stopAt) process.emit('SIGINT')
        const column = (values: number[]) => tensorOf('float32', [rows.length, 1], values)
        return { x: column(Array.from(rows)), y: column(Array.from(rows, (row) => 2 * row + 1)) }
      },
    },
    batchSize: 8,
    epochs: Math.ceil(maxSteps / 8),
    maxSteps,
    optimiser: adamW(),
    schedule: cosine(0.1),
  }
}

const options = (name?: string): Options => ({
  ...readOptions('tinyshakespeare', ['--threads', '1']),
  checkpoint: name && path.join(folder, name),
})

describe('a training that is stopped', () => {
  it('goes on to the same weights', async () => {
    const whole = await trainUntilStopped(line(20), options())
    expect(whole!.from).toBe(0)
    expect(await trainUntilStopped(line(20, 8), options('a'))).toBeUndefined()
    const [, step] = said.at(-1)!.match(/^stopped; the same command goes on from step (\d+)\n$/)!
    const rest = await trainUntilStopped(line(20), options('a'))
    expect(rest!.from).toBe(Number(step))
    expect(rest!.parameters).toEqual(whole!.parameters)
  })

  it('says what it could do without a checkpoint', async () => {
    expect(await trainUntilStopped(line(20, 8), options())).toBeUndefined()
    expect(said.at(-1)).toBe('stopped; with --checkpoint FILE it could go on\n')
  })

  it('stops after the minutes of the command', async () => {
    const minutes = (performance.now() + 50) / 60_000
    expect(await trainUntilStopped(line(1_000_000), { ...options(), minutes })).toBeUndefined()
  })
})

describe('a training of so many iterations', () => {
  const planned = (length: { iterations: number } | { minutes: number }, stopAt?: number) => ({
    training: (iterations: number) => line(iterations, stopAt),
    length,
  })

  it('makes those of the flag, or else its own', async () => {
    expect((await trainPlanned(planned({ iterations: 7 }), options()))!.steps).toBe(7)
    const asked = { ...options(), iterations: 9, minutes: 5 }
    expect((await trainPlanned(planned({ iterations: 7 }), asked))!.steps).toBe(9)
  })

  it('keeps the number that the minutes came to beside the checkpoint', async () => {
    const file = options('b').checkpoint!
    // The first 31 batches are made to measure the time.
    expect(await trainPlanned(planned({ minutes: 0.01 }, 40), options('b'))).toBeUndefined()
    const [, iterations] = said.find((line) => line.includes('repeats'))!.match(/^(\d+) iterations/)!
    expect(existsSync(`${file}.iterations`)).toBe(true)
    const rest = await trainPlanned(planned({ minutes: 5 }), options('b'))
    expect(rest!.iterations).toBe(Number(iterations))
    expect(rest!.from).toBeGreaterThan(0)
  })
})
