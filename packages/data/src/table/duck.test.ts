import { existsSync, mkdirSync, mkdtempSync, rmSync, utimesSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { Duck, markedText, quoteName, quoteText, unmarked } from './duck.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('Duck', () => {
  it('keeps its files in a folder that goes with it, and sweeps up after the dead', async () => {
    const [old, fresh, alive] = [
      'volant-rows-999999999-a',
      'volant-rows-999999998-b',
      `volant-rows-${process.ppid}-c`,
    ].map((name) => join(folder, name))
    for (const path of [old!, fresh!, alive!]) mkdirSync(path)
    for (const path of [old!, alive!]) utimesSync(path, 0, 0)
    const duck = await Duck.open(128e6, folder)
    expect([old!, fresh!, alive!, duck.folder].map(existsSync)).toEqual([false, true, true, true])
    duck.close()
    duck.close()
    expect(existsSync(duck.folder)).toBe(false)
  })

  it('takes names and texts as they are', async () => {
    const duck = await Duck.open()
    const text = `'; drop table "x"; -- \ufeff`
    expect(await duck.rows(`select ${quoteText(text)} = ? as ${quoteName('a "b"; c')}`, [text])).toEqual([[true]])
    const [[marked]] = (await duck.rows(`select ${markedText('?')}`, ['\ufeffx'])) as [[string]]
    expect(unmarked(marked)).toBe('\ufeffx')
    duck.close()
  })

  it('says that it cannot write', async () => {
    await expect(Duck.open(128e6, join(folder, 'none'))).rejects.toMatchObject({
      name: 'VolantError',
      code: 'write-failed',
    })
  })
})
