import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'

const program = `
import { startServer } from ${JSON.stringify(new URL('../../dist/index.js', import.meta.url).href)}
const { url } = await startServer({ port: 0, dataFolder: process.argv[1] })
console.log(url)
`

it.skipIf(!existsSync('/dev/full'))(
  'a log on a full disk does not hold the server',
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'volant-log-'))
    const full = await open('/dev/full', 'w')
    const child = spawn(process.execPath, ['--input-type=module', '-e', program, folder], {
      stdio: ['ignore', 'pipe', full.fd],
      env: { ...process.env, VOLANT_LOG: 'debug' },
    })
    try {
      const url = await new Promise<string>((resolve, reject) => {
        createInterface(child.stdout!).once('line', resolve)
        child.once('exit', (code) => reject(new Error(`The server ended with ${code} before it started.`)))
      })
      for (let asked = 0; asked < 5; asked++) {
        const { status } = await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(5000) })
        expect(status).toBe(200)
      }
    } finally {
      child.kill('SIGKILL')
      await full.close()
      await rm(folder, { recursive: true, force: true, maxRetries: 5 })
    }
  },
  30_000,
)
