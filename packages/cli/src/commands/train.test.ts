import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const volant = fileURLToPath(new URL('../../bin/volant.js', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'volant-train-'))
const data = path.join(folder, 'tickets.csv')
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const kinds = [
  ['billing', 'refund the invoice of march please'],
  ['cards', 'my card was not accepted abroad'],
  ['login', 'cannot sign in with the new password'],
] as const
beforeAll(() => {
  const rows = Array.from({ length: 300 }, (_, i) => {
    const [queue, text] = kinds[i % kinds.length]!
    return `${text} number ${i} ${i % 7 === 0 ? 'urgent' : 'whenever'},${queue}`
  })
  writeFileSync(data, ['message,queue', ...rows].join('\n'))
})

const trainInto = (out: string) => {
  const options = [
    '--outputs',
    'queue',
    '--encoder',
    'bag',
    '--epochs',
    '60',
    '--out',
    path.join(folder, out),
    '--json',
  ]
  return [volant, 'train', data, ...options]
}
const idOf = (stdout: string) => (JSON.parse(stdout) as { id: string }).id

describe('an interrupted training', () => {
  it.each(['SIGINT', 'SIGKILL'] as const)('goes on after %s to the model it would have become', async (signal) => {
    const whole = spawnSync(process.execPath, trainInto(`whole-${signal}`), { encoding: 'utf8' })
    const args = trainInto(signal)
    const broken = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] })
    const ended = once(broken, 'exit')
    let told = ''
    for await (const line of createInterface({ input: broken.stderr })) {
      told += `${line}\n`
      if (line.includes('Training bag again')) broken.kill(signal)
    }
    expect(await ended).toEqual(signal === 'SIGINT' ? [130, null] : [null, 'SIGKILL'])
    if (signal === 'SIGINT') expect(told).toMatch(/kept in ".*SIGINT\.unfinished", and the same command goes on/)
    expect(existsSync(path.join(folder, signal))).toBe(false)
    expect(readdirSync(path.join(folder, `${signal}.unfinished`)).length).toBeGreaterThan(0)

    const resumed = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect(idOf(resumed.stdout)).toBe(idOf(whole.stdout))
    expect(readdirSync(folder).filter((name) => name.includes('unfinished'))).toEqual([])
  })
})

const present = spawnSync('mpirun', ['--version'], { encoding: 'utf8' }).stdout?.includes('Open MPI') ?? false
const mpirun = ['--oversubscribe', '--allow-run-as-root', '-n', '2', process.execPath]

describe.skipIf(!present)('a training of two processes (needs mpirun of Open MPI)', () => {
  it('writes one folder and one report', () => {
    const { status, stdout } = spawnSync('mpirun', [...mpirun, ...trainInto('together')], { encoding: 'utf8' })
    expect(status).toBe(0)
    const report = JSON.parse(stdout) as { metrics: { test: { queue: { accuracy: number } } } }
    expect(report.metrics.test.queue.accuracy).toBeGreaterThan(0.9)
    expect(readdirSync(path.join(folder, 'together'))).toContain('model.onnx')
  })

  it('tells which process failed, once, and ends all', () => {
    const args = [...trainInto('wrong'), '--spec', 'no-such-spec.yaml'].filter(
      (arg) => !/^(--outputs|queue)$/.test(arg),
    )
    const { status, stderr } = spawnSync('mpirun', [...mpirun, ...args], { encoding: 'utf8' })
    expect(status).not.toBe(0)
    expect(stderr).toMatch(/volant: process [01] of 2: The spec no-such-spec\.yaml cannot be read/)
    expect(existsSync(path.join(folder, 'wrong'))).toBe(false)
  })
})
