import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Artifacts, openArtifacts } from './artifacts.js'

const folder = mkdtempSync(path.join(os.tmpdir(), 'volant-artifacts-'))
const hello = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824'
const stored = path.join(folder, 'artifacts', 'sha256', hello.slice(0, 2), hello)
afterAll(() => rmSync(folder, { recursive: true }))

let artifacts: Artifacts
beforeAll(async () => {
  artifacts = await openArtifacts(folder)
})

describe('an artifact', () => {
  it('is named by its content, whatever it came from', async () => {
    const file = path.join(folder, 'hello.txt')
    writeFileSync(file, 'hello')
    for (const source of ['hello', Buffer.from('hello'), Readable.from(['he', 'llo']), { file }]) {
      expect(await artifacts.put(source)).toEqual({ hash: hello, bytes: 5 })
    }
    expect(readFileSync(stored, 'utf8')).toBe('hello')
    expect(existsSync(file)).toBe(true)
    expect(await artifacts.has(hello)).toBe(true)
    expect((await artifacts.read(hello)).toString()).toBe('hello')
    expect((await artifacts.put('')).bytes).toBe(0)
  })

  it('is not there when its stream breaks off, and leaves nothing behind', async () => {
    const before = readdirSync(path.join(folder, 'artifacts'), { recursive: true }).length
    async function* broken() {
      yield 'some bytes'
      throw new Error('the client went away')
    }
    await expect(artifacts.put(Readable.from(broken()))).rejects.toThrow('the client went away')
    expect(readdirSync(path.join(folder, 'artifacts'), { recursive: true })).toHaveLength(before)
  })

  it('that was changed on the disk is never passed off as what was stored', async () => {
    const { hash } = await artifacts.put('x'.repeat(1_000_000))
    const file = path.join(folder, 'artifacts', 'sha256', hash.slice(0, 2), hash)
    chmodSync(file, 0o644)
    writeFileSync(file, `${'x'.repeat(999_999)}y`)
    await expect(artifacts.read(hash)).rejects.toMatchObject({ code: 'artifact-damaged', details: { hash } })
  })

  it('that is not there is an error by name', async () => {
    await expect(artifacts.read('0'.repeat(64))).rejects.toMatchObject({ code: 'unknown-artifact' })
    await expect(artifacts.read('../../etc/passwd')).rejects.toMatchObject({ code: 'unknown-artifact' })
  })
})

describe('a tree', () => {
  const model = path.join(folder, 'model')
  beforeAll(() => {
    mkdirSync(path.join(model, 'deep', 'er'), { recursive: true })
    writeFileSync(path.join(model, 'model.json'), '{}')
    writeFileSync(path.join(model, 'deep', 'er', 'weights'), Buffer.alloc(100_000, 7))
  })

  it('comes back as the same files, read-only, once', async () => {
    const tree = await artifacts.putTree(model)
    expect(tree.files.map(({ path, bytes }) => [path, bytes])).toEqual([
      ['deep/er/weights', 100_000],
      ['model.json', 2],
    ])
    expect(tree.bytes).toBe(100_002)
    expect(await artifacts.putTree(model)).toEqual(tree)
    expect(await artifacts.tree(tree.hash)).toEqual(tree)
    const [out, same] = await Promise.all([artifacts.checkOut(tree.hash), artifacts.checkOut(tree.hash)])
    expect(out).toBe(same)
    expect(readFileSync(path.join(out, 'deep', 'er', 'weights'))).toEqual(Buffer.alloc(100_000, 7))
    expect(statSync(path.join(out, 'model.json')).mode & 0o222).toBe(0)
    expect(readdirSync(path.join(folder, 'trees'))).toEqual([tree.hash])
  })

  it('with a damaged file is not checked out, not even in part', async () => {
    writeFileSync(path.join(model, 'other'), 'to be damaged')
    const { hash, files } = await artifacts.putTree(model)
    const other = files.find(({ path }) => path === 'other')!.hash
    const file = path.join(folder, 'artifacts', 'sha256', other.slice(0, 2), other)
    chmodSync(file, 0o644)
    writeFileSync(file, 'to be DAMAGED')
    await expect(artifacts.checkOut(hash)).rejects.toMatchObject({ code: 'artifact-damaged' })
    expect(readdirSync(path.join(folder, 'trees'))).toHaveLength(1)
  })
})

describe('after a kill', () => {
  it('half-written files are removed at the next start', async () => {
    writeFileSync(path.join(folder, 'artifacts', 'parts', 'half'), 'half')
    mkdirSync(path.join(folder, 'trees', 'abc.part'))
    await openArtifacts(folder)
    expect(readdirSync(path.join(folder, 'artifacts', 'parts'))).toEqual([])
    expect(readdirSync(path.join(folder, 'trees'))).toHaveLength(1)
  })
})

describe('of deleted projects', () => {
  it('removes what nobody uses, once nobody stores, and keeps what is shared', async () => {
    const make = async (own: string) => {
      const model = mkdtempSync(path.join(folder, 'model-'))
      writeFileSync(path.join(model, 'shared.txt'), 'the same in both')
      writeFileSync(path.join(model, 'own.txt'), own)
      return artifacts.putTree(model)
    }
    const [one, other] = [await make('one'), await make('other')]
    const copy = await artifacts.checkOut(one.hash)
    const scores = await artifacts.put('scores of one')
    const hashOf = (tree: typeof one, name: string) => tree.files.find((file) => file.path === name)!.hash
    let stored = false
    let begin!: () => void
    const begun = new Promise<void>((resolve) => {
      begin = resolve
    })
    const holding = artifacts.hold(async () => {
      begin()
      await new Promise((resolve) => setTimeout(resolve, 50))
      stored = true
    })
    await begun
    const removed = await artifacts.remove([one.hash], [scores.hash], async () => {
      expect(stored).toBe(true)
      return { trees: [other.hash], files: [] }
    })
    await holding
    expect(removed).toEqual({ files: 3, bytes: expect.any(Number) })
    expect(existsSync(copy)).toBe(false)
    expect(await artifacts.has(scores.hash)).toBe(false)
    expect(await artifacts.has(hashOf(one, 'own.txt'))).toBe(false)
    expect(await artifacts.has(hashOf(other, 'shared.txt'))).toBe(true)
    expect(existsSync(await artifacts.checkOut(other.hash))).toBe(true)
    expect(await artifacts.remove([one.hash], [scores.hash], async () => ({ trees: [], files: [] }))).toMatchObject({
      files: 0,
    })
  })
})
