import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { cachedFolder, cachedModels, removeModel } from './cached-models.js'

const [old, young] = ['1'.repeat(40), '2'.repeat(40)]
let cache: string
const inModel = (...parts: string[]) => path.join(cache, 'models--org--tiny', ...parts)

/** A cache with two revisions that share their configuration, as other programs write it. */
beforeEach(() => {
  cache = mkdtempSync(path.join(tmpdir(), 'volant-cache-'))
  for (const folder of ['blobs', 'refs/pr', `snapshots/${old}`, `snapshots/${young}`])
    mkdirSync(inModel(folder), { recursive: true })
  for (const [blob, size] of [
    ['config', 10],
    ['old', 1000],
    ['young', 2000],
    ['other.incomplete', 5],
  ] as const)
    writeFileSync(inModel('blobs', blob), Buffer.alloc(size))
  for (const [commit, blob] of [
    [old, 'old'],
    [young, 'young'],
  ] as const) {
    symlinkSync('../../blobs/config', inModel('snapshots', commit, 'config.json'))
    symlinkSync(`../../blobs/${blob}`, inModel('snapshots', commit, 'model.safetensors'))
  }
  writeFileSync(inModel('refs/main'), young)
  writeFileSync(inModel('refs/pr/1'), old)
  mkdirSync(path.join(cache, 'datasets--x'))
})
afterEach(() => rmSync(cache, { recursive: true, force: true }))

it('lists models and their revisions', async () => {
  const [model, ...others] = await cachedModels({ cache })
  expect(others).toEqual([])
  expect(model).toMatchObject({ id: 'org/tiny', revisions: [{ commit: old, refs: ['pr/1'] }, { commit: young }] })
  expect(model!.revisions[1]).toMatchObject({ refs: ['main'], files: 2, bytes: 2010, missing: [] })
  expect(model!.bytes).toBe(10 + 1000 + 2000 + 5 + 80)
  expect(await cachedFolder('org/tiny', 'main', { cache })).toBe(inModel('snapshots', young))
})

it('removes one revision and the blobs that only it used', async () => {
  expect(await removeModel('org/tiny', { revision: 'pr/1', settings: { cache } })).toBe(1000 + 40)
  expect(readdirSync(inModel('blobs')).toSorted()).toEqual(['config', 'other.incomplete', 'young'])
  expect((await cachedModels({ cache }))[0]!.revisions).toMatchObject([{ commit: young, missing: [] }])
  await removeModel('org/tiny', { revision: young, settings: { cache } })
  expect(await cachedModels({ cache })).toEqual([])
})

it('removes a model, and says what is not there', async () => {
  expect(await removeModel('org/tiny', { settings: { cache } })).toBe(3095)
  expect(readdirSync(cache)).toEqual(['datasets--x'])
  await expect(removeModel('org/tiny', { settings: { cache } })).rejects.toThrow('"org/tiny" is not in the cache')
  await expect(cachedFolder('org/tiny', 'v2', { cache })).rejects.toThrow('of revision "v2" is not in the cache')
})
