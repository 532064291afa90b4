import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { guardFolder } from './guard.js'

const folder = mkdtempSync(path.join(os.tmpdir(), 'volant-guard-'))
const guardFile = new URL('../../dist/store/guard.js', import.meta.url).href
afterAll(() => rmSync(folder, { recursive: true }))

/** Another process that guards `of`. */
function otherProcess(of: string): Promise<ChildProcess> {
  const script = `const { guardFolder } = await import('${guardFile}'); await guardFolder(process.argv[1]); console.log('guarded')`
  const child = spawn(process.execPath, ['--input-type=module', '-e', script, of], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  return new Promise((resolve) => child.stdout!.once('data', () => resolve(child)))
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => child.once('exit', () => resolve()))
}

describe('the guard of a data folder', () => {
  const long = path.join(folder, 'a-rather-long-folder-name-'.repeat(6))
  mkdirSync(long)
  it.each([
    ['a short path', folder],
    ['a path too long for a socket', long],
  ])('names the process that has it, and frees it when that is killed: %s', async (_, of) => {
    const child = await otherProcess(of)
    await expect(guardFolder(of)).rejects.toMatchObject({
      code: 'data-folder-in-use',
      message: `The data folder "${of}" is in use by process ${child.pid}. Stop it, or start with another folder (--data).`,
      details: { folder: of, pid: child.pid },
    })
    child.kill('SIGKILL')
    await ended(child)
    const guard = await guardFolder(of)
    await expect(guardFolder(of)).rejects.toMatchObject({ details: { pid: process.pid } })
    await guard.release()
    await (await guardFolder(of)).release()
  })

  it('is not fooled by a process that hangs', async () => {
    const child = await otherProcess(folder)
    child.kill('SIGSTOP')
    await expect(guardFolder(folder)).rejects.toThrow(`is in use by process ${child.pid}`)
    child.kill('SIGKILL')
    await ended(child)
    await (await guardFolder(folder)).release()
  })

  it('lets one of several through when a dead one is found by all at once', async () => {
    for (let round = 0; round < 5; round++) {
      const child = await otherProcess(folder)
      child.kill('SIGKILL')
      await ended(child)
      const tries = await Promise.allSettled(Array.from({ length: 8 }, () => guardFolder(folder)))
      const won = tries.filter((one) => one.status === 'fulfilled')
      expect(won).toHaveLength(1)
      const lost = tries.filter((one) => one.status === 'rejected')
      for (const { reason } of lost) expect(reason).toMatchObject({ code: 'data-folder-in-use' })
      await won[0]!.value.release()
    }
  })

  it('leaves nothing behind', async () => {
    const guard = await guardFolder(folder)
    await guard.release()
    expect(readdirSync(path.join(folder, 'guard'))).toEqual([])
  })
})
