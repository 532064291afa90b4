import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { ownBase } from '../bases/own.js'
import { startHub, type TestHub } from '../testing/hub.js'
import { locateModel } from './locate.js'

let hub: TestHub
let settings: { endpoint: string; cache: string }

beforeAll(async () => {
  hub = await startHub({ 'config.json': '{}', 'small.gguf': 'GGUF small', 'large.gguf': 'GGUF large' })
  settings = { endpoint: hub.endpoint, cache: await mkdtemp(path.join(tmpdir(), 'volant-hub-')) }
})

afterAll(async () => {
  await hub.close()
  await rm(settings.cache, { recursive: true })
})

it('takes what is at a path, and never looks on the hub for what is plainly a path', async () => {
  for (const source of [tmpdir(), '/not/there', './not/there', '../x'])
    expect(await locateModel(source, { settings })).toBe(source)
  expect(hub.requests).toEqual([])
})

it('knows the bases that come with this program, and takes no path where none may be named', async () => {
  expect(await locateModel('english', { settings, paths: false })).toBe(ownBase('english'))
  await expect(locateModel(tmpdir(), { settings, paths: false })).rejects.toThrow(/ is not to be had from the hub: ./)
})

it('fetches one file of a name on the hub', async () => {
  const place = await locateModel('org/tiny/small.gguf', { settings })
  expect(place).toMatch(/snapshots.*small\.gguf$/)
  expect(hub.requests.some((request) => request.includes('large.gguf'))).toBe(false)
})

it('says that it is neither here nor there', async () => {
  await expect(locateModel('org/none', { settings })).rejects.toThrow(
    /"org\/none" is no folder or file here, and cannot be had from the hub: ./,
  )
})
