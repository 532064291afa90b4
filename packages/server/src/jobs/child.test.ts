import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { runChild } from './child.js'

const folder = mkdtempSync(path.join(os.tmpdir(), 'volant-child-'))
const main = new URL('../../dist/jobs/child-main.js', import.meta.url).href
const data = new URL('../../../data/dist/index.js', import.meta.url).href

/** A child file whose work is `body` (`input`, `progress`, `signal` in reach). */
function child(body: string): URL {
  const file = path.join(folder, `${Math.random()}.mjs`)
  writeFileSync(
    file,
    `import { childMain } from '${main}'
     import { VolantError } from '${data}'
     childMain(async (input, { progress, signal }) => { ${body} })`,
  )
  return pathToFileURL(file)
}

afterAll(() => rmSync(folder, { recursive: true }))

describe('a child process', () => {
  it('works on its input, reports progress and lines, and gives a result back', async () => {
    const reports: unknown[] = []
    const lines: string[] = []
    const result = await runChild({
      entry: child(`progress({ share: 0.5 }); console.log('hello'); return { doubled: input.map((x) => 2 * x) }`),
      input: new Float32Array([1, 2]),
      onProgress: (report) => reports.push(report),
      onLog: (line) => lines.push(line),
    })
    expect(result).toEqual({ doubled: new Float32Array([2, 4]) })
    expect(reports).toEqual([{ share: 0.5 }])
    expect(lines).toEqual(['hello'])
  })

  it('passes its own errors on', async () => {
    const typed = runChild({
      entry: child(`throw new VolantError('one-class', 'Only one.', { column: 'y' })`),
      input: 0,
    })
    await expect(typed).rejects.toMatchObject({ code: 'one-class', message: 'Only one.', details: { column: 'y' } })
    const plain = runChild({
      entry: child(`console.error('before'); throw new TypeError('x is not a function')`),
      input: 0,
    })
    await expect(plain).rejects.toMatchObject({
      code: 'child-failed',
      message: 'x is not a function',
      details: { log: ['before'] },
    })
  })

  it('that dies is an error that says how, with its last lines', async () => {
    const killed = runChild({
      entry: child(
        `console.log('epoch 3'); await new Promise((r) => setTimeout(r, 50)); process.kill(process.pid, 'SIGKILL')`,
      ),
      input: 0,
    })
    await expect(killed).rejects.toMatchObject({
      code: 'child-lost',
      message:
        'The process that did the work was killed (SIGKILL) without a result, perhaps because memory ran out. Its last line: epoch 3',
      details: { signal: 'SIGKILL', log: ['epoch 3'] },
    })
    await expect(runChild({ entry: child('process.exit(7)'), input: 0 })).rejects.toMatchObject({
      code: 'child-lost',
      details: { exitCode: 7 },
    })
    await expect(runChild({ entry: new URL('file:///nowhere.js'), input: 0 })).rejects.toMatchObject({
      code: 'child-lost',
    })
  })

  it('that is cancelled ends by itself, or is killed', async () => {
    for (const body of [
      `await new Promise((_, no) => signal.addEventListener('abort', () => no(signal.reason)))`,
      `for (;;) {}`,
    ]) {
      const stop = new AbortController()
      const started = Date.now()
      const running = runChild({ entry: child(body), input: 0, signal: stop.signal, graceMs: 300 })
      setTimeout(() => stop.abort(new Error('no longer wanted')), 300)
      await expect(running).rejects.toThrow('no longer wanted')
      expect(Date.now() - started).toBeLessThan(30_000)
    }
  })

  it('does not outlive the server that started it', async () => {
    const runner = new URL('../../dist/jobs/child.js', import.meta.url).href
    const busy = child(`console.log(process.pid); await new Promise((done) => setTimeout(done, 60_000))`)
    const script = `const { runChild } = await import('${runner}'); await runChild({ entry: new URL('${busy.href}'), input: 0, onLog: console.log })`
    const server = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const pid = await new Promise<number>((resolve) => server.stdout.once('data', (line) => resolve(Number(line))))
    expect(isAlive(pid)).toBe(true)
    server.kill('SIGKILL')
    while (isAlive(pid)) await pause(20)
  })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
