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

it('answers with the language models that it is told of, and says which are not there', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'volant-up-'))
  const writer = fileURLToPath(new URL('../../../models/test/fixtures/writer', import.meta.url))
  const options = ['--port', '0', '--data', path.join(folder, 'data'), '--json', '--model', `tiny=${writer}`]
  const server = spawn(process.execPath, [main, 'up', ...options, '--model', 'org/none'], {
    env: { ...process.env, HF_HUB_OFFLINE: '1', HF_HUB_CACHE: folder },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  try {
    const [[note], [line]] = await Promise.all([once(server.stderr, 'data'), once(server.stdout, 'data')])
    expect(String(note)).toMatch(/^volant: the model "none" is not there yet: "org\/none" is no folder or file here, /)
    const { url } = JSON.parse(String(line))
    const chat = async (model: string) => {
      const body = JSON.stringify({ model, messages: [{ role: 'user', content: 'Who?' }], max_tokens: 5 })
      const headers = { 'content-type': 'application/json' }
      return (await fetch(`${url}/v1/chat/completions`, { method: 'POST', headers, body })).json()
    }
    expect(await chat('tiny')).toMatchObject({ usage: { completion_tokens: 5 } })
    expect(await chat('none')).toMatchObject({ error: { code: 'model-not-loaded' } })
    server.kill('SIGTERM')
    expect(await once(server, 'exit')).toEqual([0, null])
  } finally {
    server.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
}, 60_000)
