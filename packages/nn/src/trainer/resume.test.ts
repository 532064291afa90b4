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

/** Runs the child, to its end or until it hangs after the given update and is killed with SIGKILL. Resolves to the steps saved. */
async function run(file: string, hangAt?: number): Promise<number[]> {
  const args = [child, file, ...(hangAt ? [String(hangAt)] : [])]
  const running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  const exit = once(running, 'exit')
  const steps: number[] = []
  for await (const line of createInterface({ input: running.stdout })) {
    if (line === 'hanging') running.kill('SIGKILL')
    else steps.push(Number(line))
  }
  expect(await exit).toEqual(hangAt ? [null, 'SIGKILL'] : [0, null])
  return steps
}

const count = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

describe('a run killed with SIGKILL in the midst of an epoch and resumed', () => {
  it('ends with weights and optimiser state equal to the byte', async () => {
    const whole = path.join(folder, 'whole')
    const broken = path.join(folder, 'broken')
    expect(await run(whole)).toEqual(count(1, 21)) // 7 updates an epoch
    expect(await run(broken, 5)).toEqual(count(1, 4))
    expect(await run(broken, 12)).toEqual(count(5, 11))
    expect(await run(broken)).toEqual(count(12, 21))
    expect(Buffer.compare(await readFile(whole), await readFile(broken))).toBe(0)
    const { tensors } = readSafetensors(await readFile(whole))
    expect(tensors.get('words.table:adam.mean')!.dims).toEqual([3000, 8])
    expect([...tensors.get('words.table:adam.variance')!.data].some((value) => value !== 0)).toBe(true)
    // What is zero between updates is not worth its place.
    expect(tensors.has('words.table:gradient')).toBe(false)
    // No half-written file stays behind.
    expect((await readdir(folder)).sort()).toEqual(['broken', 'whole'])
  })
})
