// The real server, `volant up`, as a child process on a free port with a data folder of its own.
import { spawn } from 'node:child_process'
import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const volant = fileURLToPath(new URL('../../packages/cli/bin/volant.js', import.meta.url))

/** `nodeOptions` go to the server's Node, such as `--cpu-prof`. */
export async function startServer(nodeOptions = []) {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-serving-'))
  const args = [...nodeOptions, volant, 'up', '--port', '0', '--data', folder, '--json']
  const env = { ...process.env, DATABASE_URL: '' }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  process.once('exit', () => {
    child.kill('SIGKILL')
    fs.rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(1))
  const { value } = await createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()
  if (!value) throw new Error('the server did not start')
  const { url } = JSON.parse(value)
  return {
    url,
    /** A figure of its /metrics. */
    async figure(name) {
      const metrics = await (await fetch(`${url}/metrics`)).text()
      const line = metrics.split('\n').find((one) => one.startsWith(`${name} `))
      return Number(line?.slice(name.length))
    },
    /** The folder of the one model that it serves, as the server checked it out of its artifacts. */
    modelFolder: () => path.join(folder, 'trees', fs.readdirSync(path.join(folder, 'trees'))[0]),
    async stop() {
      child.kill('SIGTERM')
      await ended
    },
  }
}
