import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

it('stops when Ctrl-C comes while it starts, and starts again after', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'volant-up-'))
  const up = () =>
    spawn(process.execPath, [main, 'up', '--port', '0', '--data', path.join(folder, 'data'), '--json'], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  const first = up()
  try {
    while (!existsSync(path.join(folder, 'data'))) await wait(5)
    first.kill('SIGINT')
    expect(await once(first, 'exit')).toEqual([130, null])
    const second = up()
    const [line] = await once(second.stdout, 'data')
    expect(JSON.parse(String(line))).toHaveProperty('url')
    second.kill('SIGTERM')
    expect(await once(second, 'exit')).toEqual([0, null])
  } finally {
    first.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)
