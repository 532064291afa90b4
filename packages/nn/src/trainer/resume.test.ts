import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { readSafetensors } from '@volant/graph'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const child = fileURLToPath(new URL('../../test/resume-child.mjs', import.meta.url))
let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-resume-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

/** Runs the child; kills it with SIGKILL after the given step. Resolves to the steps it saved. */
async function run(file: string, killAfter = Number.POSITIVE_INFINITY): Promise<number[]> {
  const process = spawn('node', [child, file, ...(killAfter < 1e9 ? ['slow'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const exit = once(process, 'exit')
  const steps: number[] = []
  for await (const line of createInterface({ input: process.stdout })) {
    steps.push(Number(line))
    if (steps.at(-1)! >= killAfter) process.kill('SIGKILL')
  }
  const [code, signal] = await exit
  expect(killAfter < 1e9 ? signal : code).toBe(killAfter < 1e9 ? 'SIGKILL' : 0)
  return steps
}

describe('a run killed with SIGKILL in the midst of an epoch and resumed', () => {
  it('ends with weights and optimiser state equal to the byte', async () => {
    const whole = path.join(folder, 'whole')
    const broken = path.join(folder, 'broken')
    expect(await run(whole)).toEqual(Array.from({ length: 21 }, (_, i) => i + 1)) // 7 updates an epoch
    await run(broken, 4)
    const resumed = await run(broken, 10)
    expect(resumed[0]).toBeGreaterThan(4)
    const last = await run(broken)
    expect(last.at(-1)).toBe(21)
    expect(Buffer.compare(await readFile(whole), await readFile(broken))).toBe(0)
    const { tensors } = readSafetensors(await readFile(whole))
    expect(tensors.get('words.table:adam.mean')!.dims).toEqual([3000, 8])
    expect([...tensors.get('words.table:adam.variance')!.data].some((value) => value !== 0)).toBe(true)
    expect([...tensors.get('words.table:gradient')!.data].every((value) => value === 0)).toBe(true)
    // No half-written file stays behind.
    expect((await readdir(folder)).filter((name) => !name.endsWith('.tmp')).sort()).toEqual(['broken', 'whole'])
  })
})
