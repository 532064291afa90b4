import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { asOutOfMemory } from './memory.js'

const child = fileURLToPath(new URL('../../test/memory-child.mjs', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'volant-memory-'))
const file = path.join(folder, 'wide.onnx')
const args = (...task: string[]) => ['--expose-gc', child, ...task]
const run = (...task: string[]) => JSON.parse(execFileSync(process.execPath, args(...task), { encoding: 'utf8' }))

beforeAll(() => run('write', file))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('release hands the memory of the process back (weights of 144 MiB)', () => {
  it.each([
    ['of a session in this thread', ['session', file, 'here']],
    ['of a session in a worker', ['session', file, 'worker']],
    ['of a runtime with its state', ['runtime']],
  ])('%s', (_, task) => {
    const { before, open, released } = run(...task) as Record<'before' | 'open' | 'released', number>
    expect(open - before).toBeGreaterThan(120)
    expect(open - released).toBeGreaterThan(100)
  })
})

const limited = spawnSync('prlimit', ['--version']).status === 0

describe.skipIf(!limited)('out of memory (skipped without prlimit, which limits an address space)', () => {
  it('says how much was wanted, by what, and what to lower; then goes on', () => {
    const limits = [`--as=${3 * 2 ** 30}`, process.execPath, ...args('limited', file)]
    const said = execFileSync('prlimit', limits, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
    const { step, after, open } = JSON.parse(said)
    expect(step).toMatchObject({
      name: 'NnError',
      code: 'out-of-memory',
      details: { bytes: 40_000 * 6144 * 4, op: 'MatMul', node: 'head.layers.3/MatMul_0' },
    })
    expect(step.message).toBe(
      'Out of memory: 937.5 MiB (983040000 bytes) more were wanted by MatMul ("head.layers.3/MatMul_0"). ' +
        'Lower the batch size, the length of the inputs or the width of the model, or release other sessions',
    )
    expect(after).toBe(0)
    expect(open.code).toBe('out-of-memory')
  })
})

describe('asOutOfMemory', () => {
  it('knows the words of the runtime and of the JS engine, and leaves other failures alone', () => {
    expect(asOutOfMemory(new RangeError('Array buffer allocation failed'), 4e9)?.message).toMatch(
      /^Out of memory: 3\.7 GiB/,
    )
    expect(asOutOfMemory(new Error('std::bad_alloc'))?.details['bytes']).toBeUndefined()
    expect(asOutOfMemory(new Error('Got invalid dimensions for input: x'))).toBeUndefined()
  })
})
