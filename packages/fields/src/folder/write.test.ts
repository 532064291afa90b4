import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { checkTarget } from './write.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-out-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('a target that can be made is left as it was, with its parents made', async () => {
  await checkTarget(join(folder, 'new', 'deep', 'model'))
  expect(readdirSync(join(folder, 'new', 'deep'))).toEqual([])
})

it('a target that cannot be made is refused before any work, in a sentence that names it', async () => {
  writeFileSync(join(folder, 'file'), 'mine')
  const targets = [join(folder, 'file', 'model'), join(folder, 'x'.repeat(250))]
  if (existsSync('/proc/self')) targets.push('/proc/none/model')
  for (const target of targets)
    await expect(checkTarget(target)).rejects.toMatchObject({ message: expect.stringContaining('--out') })
  await expect(checkTarget(join(folder, 'file'))).rejects.toMatchObject({ code: 'out-occupied' })
  expect(readdirSync(folder).sort()).toEqual(['file', 'new'])
}, 10_000)
