import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { shareOf } from './shard.js'

const child = fileURLToPath(new URL('../../test/parallel-child.mjs', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'volant-parallel-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const present = spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout?.includes('Open MPI') ?? false
if (!present)
  console.warn('parallel.test.ts: skipped, there is no mpirun of Open MPI (Debian: apt install openmpi-bin)')

interface Report {
  rank: number
  seen: number[]
  first: number
  losses: number[]
  weights: Record<string, number[]>
}

function run(processes: number, args: readonly string[] = [], environment: Record<string, string> = {}) {
  const mpirun = ['--oversubscribe', '--allow-run-as-root', '-n', String(processes), process.execPath, child, ...args]
  const [command, rest] = processes === 1 ? [process.execPath, [child, ...args]] : ['mpirun', mpirun]
  const REPORTS = mkdtempSync(path.join(folder, 'reports-'))
  const { status, stderr } = spawnSync(command, rest, {
    encoding: 'utf8',
    env: { ...process.env, ...environment, REPORTS },
  })
  const files = readdirSync(REPORTS).sort()
  const reports = files.map((file) => JSON.parse(readFileSync(path.join(REPORTS, file), 'utf8')) as Report)
  return { status, stderr, reports }
}

function expectSameModel(found: Report, expected: Report): void {
  for (const [name, weights] of Object.entries(expected.weights))
    weights.forEach((weight, i) => {
      expect(found.weights[name]![i]).toBeCloseTo(weight, 4)
    })
  found.losses.forEach((loss, i) => {
    expect(loss).toBeCloseTo(expected.losses[i]!, 5)
  })
}

describe('shares', () => {
  it('give every row to one process, and leave out empty ones', () => {
    const step = [Int32Array.of(4, 9, 2, 7, 5), Int32Array.of(1)]
    expect(shareOf(step, { rank: 0, size: 2 })).toEqual([
      { rows: Int32Array.of(4, 9, 2), first: 0 },
      { rows: Int32Array.of(1), first: 0 },
    ])
    expect(shareOf(step, { rank: 1, size: 2 })).toEqual([{ rows: Int32Array.of(7, 5), first: 3 }])
  })
})

describe.skipIf(!present)('processes under mpirun', () => {
  const alone = run(1).reports[0]!

  it('train the model of one process, each on rows of its own', () => {
    const { status, reports } = run(2)
    expect(status).toBe(0)
    expect(reports.map(({ rank }) => rank)).toEqual([0, 1])
    for (const report of reports) expectSameModel(report, alone)
    expect(reports[1]!.weights).toEqual(reports[0]!.weights)
    expect(reports.flatMap(({ seen }) => seen).sort()).toEqual([...alone.seen].sort())
  })

  it('all end when one is killed; the run goes on from its checkpoint with any number', () => {
    for (const next of [1, 3]) {
      const checkpoint = path.join(folder, `broken-${next}`)
      const broken = run(2, [checkpoint, '17'])
      expect(broken.status).not.toBe(0)
      expect(broken.reports).toEqual([])
      expect(broken.stderr).toMatch(/rank 1 .*signal 9/)
      const { status, reports } = run(next, [checkpoint])
      expect(status).toBe(0)
      expect(reports[0]!.first).toBe(15)
      expectSameModel(reports[0]!, alone)
    }
  })

  it('move running means and variances by the batches of all of them', () => {
    const NORM = { NORM: '1' }
    const [one] = run(1, [], NORM).reports
    const { reports } = run(2, [], NORM)
    expect(reports[1]!.weights).toEqual(reports[0]!.weights)
    // Halves of one size have on average the mean of the whole; each normalises by its own.
    const means = one!.weights['norm.mean']!
    expect(means.some((mean) => Math.abs(mean) > 1e-4)).toBe(true)
    reports[0]!.weights['norm.mean']!.forEach((mean, i) => {
      expect(mean).toBeCloseTo(means[i]!, 6)
    })
  })

  it('refuse to train when they were given different settings', () => {
    const { status, stderr, reports } = run(2, [], { DIFFER: '1' })
    expect(status).not.toBe(0)
    expect(reports).toEqual([])
    expect(stderr).toMatch(/The 2 processes differ in their settings or checkpoint/)
  })
})
