import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkReplaceable, writeFolder } from './folder.js'

let place = ''
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), 'volant-folder-'))
})
afterEach(() => rmSync(place, { recursive: true, force: true }))

const model = (name: string, value: unknown) =>
  writeFolder(join(place, name), (_partial, write) => write('config.json', value))
const read = (name: string) => JSON.parse(readFileSync(join(place, name, 'config.json'), 'utf8'))

describe('writeFolder', () => {
  it('replaces a model, also where its path ends with a separator, and leaves nothing beside it', async () => {
    await model('model/', 1)
    await model('model/', 2)
    expect(read('model')).toBe(2)
    expect(readdirSync(place)).toEqual(['model'])
  })

  it('leaves what was there where writing fails', async () => {
    await model('model', 1)
    const failing = writeFolder(join(place, 'model'), async (_partial, write) => {
      await write('config.json', 2)
      throw Object.assign(new Error('write'), { code: 'ENOSPC' })
    })
    await expect(failing).rejects.toMatchObject({ code: 'disk-full', message: /no room on the disk .*ENOSPC/ })
    expect(read('model')).toBe(1)
    expect(readdirSync(place)).toEqual(['model'])
  })

  it('replaces nothing that is no model', async () => {
    mkdirSync(join(place, 'notes'))
    writeFileSync(join(place, 'notes', 'diary.txt'), 'dear diary')
    await expect(model('notes', 1)).rejects.toMatchObject({ code: 'out-occupied', message: /no model but diary.txt/ })
    await expect(checkReplaceable(join(place, 'notes', 'diary.txt'))).rejects.toThrow('is a file')
    expect(readdirSync(join(place, 'notes'))).toEqual(['diary.txt'])
    mkdirSync(join(place, 'empty'))
    await model('empty', 1)
    expect(existsSync(join(place, 'empty', 'config.json'))).toBe(true)
  })
})
