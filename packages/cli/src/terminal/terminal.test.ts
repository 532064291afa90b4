import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { expect, it } from 'vitest'

const module = new URL('../../dist/terminal/terminal.js', import.meta.url).href

it('a Ctrl-C that comes twice is one; another one ends the process by the signal', async () => {
  const program = `
    const { processTerminal } = await import('${module}')
    const { signal, print } = processTerminal()
    signal.addEventListener('abort', () => print('aborted'))
    process.on('SIGINT', () => print('signal'))
    print('ready')
    setInterval(() => {}, 1000)
  `
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const ended = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async () => (await lines.next()).value
  expect(await next()).toBe('ready')
  child.kill('SIGINT')
  expect([await next(), await next()]).toEqual(['aborted', 'signal'])
  child.kill('SIGINT')
  expect(await next()).toBe('signal')
  await wait(1100)
  child.kill('SIGINT')
  expect(await ended).toEqual([null, 'SIGINT'])
})
