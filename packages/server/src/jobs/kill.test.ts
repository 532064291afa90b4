// A real server process is killed with SIGKILL while it runs a job.
import { type ChildProcess, spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { onEachDatabase } from '../store/databases.testing.js'
import { openStore } from '../store/index.js'
import { type FailedJob, Jobs } from './jobs.js'
import { jobsMigrations } from './schema.js'

const dist = new URL('../../dist/', import.meta.url).href

const server = `
  import { openStore } from '${dist}store/index.js'
  import { Jobs, jobsMigrations } from '${dist}jobs/index.js'
  const [dataFolder, databaseUrl, send] = process.argv.slice(2)
  const store = await openStore({ dataFolder, ...(databaseUrl && { databaseUrl }), migrations: jobsMigrations, backups: false })
  const jobs = await Jobs.start({ store })
  await jobs.work('train', async ({ attempt, progress }) => {
    progress({ stage: 'attempt ' + attempt, log: 'attempt ' + attempt })
    await new Promise((resolve) => setTimeout(resolve, 700))
    console.log('running ' + attempt)
    await new Promise(() => {})
  })
  console.log('sent ' + (send ? await jobs.send('train', { project: 'p', run: 'r' }) : ''))`

/** Runs the server until it says `until`; returns that line. The process goes on. */
function start(file: string, args: string[], until: RegExp): Promise<{ child: ChildProcess; said: string[] }> {
  const child = spawn(process.execPath, [file, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const said: string[] = []
  return new Promise((resolve, reject) => {
    child.stdout!.on('data', (chunk) => {
      said.push(...String(chunk).trim().split('\n'))
      if (said.some((line) => until.test(line))) resolve({ child, said })
    })
    child.once('exit', () => reject(new Error(`it ended after ${said}`)))
  })
}

function kill(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.removeAllListeners('exit').once('exit', () => resolve())
    child.kill('SIGKILL')
  })
}

onEachDatabase((database) => {
  it('is tried again at the next start, and ends with a reason when that happens too often', {
    timeout: 90_000,
  }, async () => {
    const file = fileURLToPath(`${dist}jobs/kill-${process.pid}-${database.kind}.mjs`)
    writeFileSync(file, server)
    try {
      const place = await database.fresh()
      const args = [place.dataFolder, place.databaseUrl ?? '']
      const first = await start(file, [...args, 'send'], /^running 1/)
      const id = first.said.find((line) => line.startsWith('sent '))!.slice(5)
      await kill(first.child)
      const second = await start(file, [...args, ''], /^running 2/)
      await kill(second.child)
      await kill((await start(file, [...args, ''], /^running 3/)).child)

      const store = await openStore({ ...place, migrations: jobsMigrations, backups: false })
      const jobs = await Jobs.start({ store })
      expect(await jobs.get('train', id)).toMatchObject({
        state: 'failed',
        reason: 'The server was killed while this was running.',
        progress: { stage: 'attempt 3' },
      })
      expect((await jobs.lines(id)).lines.map(({ text }) => text)).toEqual(['attempt 1', 'attempt 2', 'attempt 3'])
      const failures: FailedJob<'train'>[] = []
      await jobs.work('train', async () => {}, { onFailed: async (job) => void failures.push(job) })
      while (failures.length === 0) await pause(50)
      const reason = 'The server was killed while this was running.'
      expect(failures).toEqual([{ id, payload: { project: 'p', run: 'r' }, reason, code: 'server-killed' }])
      await jobs.stop()
      await store.close()
    } finally {
      rmSync(file)
    }
  })
})
