import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { tensorOf, writeSafetensors } from '@volant/graph'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ModelsError } from '../errors.js'
import { openWeights } from '../files/open.js'
import { gitSha1, sha256, startHub, type TestHub } from '../testing/hub.js'
import type { PullProgress } from './progress.js'
import { type PullOptions, pullModel } from './pull.js'

const weights = writeSafetensors(
  new Map([['w', { dtype: 'float32', dims: [50_000], data: Float32Array.from({ length: 50_000 }, (_, i) => i) }]]),
)
const config = '{"architectures":["BertModel"]}'
const card = '---\nlicense: mit\n---\n# Tiny\n'

let hub: TestHub
let cache: string
beforeEach(async () => {
  cache = mkdtempSync(path.join(tmpdir(), 'volant-hub-'))
  hub = await startHub({
    'README.md': card,
    'config.json': config,
    'model.safetensors': weights,
    'pytorch_model.bin': Buffer.alloc(5000, 1),
    'onnx/model.onnx': Buffer.alloc(5000, 2),
    'modules.json': '[{"path":""},{"path":"1_Pooling"}]',
    '1_Pooling/config.json': '{}',
    'tf_model.h5': 'no',
  })
})
afterEach(async () => {
  await hub.close()
  rmSync(cache, { recursive: true, force: true })
})

const repository = () => path.join(cache, 'models--org--tiny')
const weightBlob = () => path.join(repository(), 'blobs', sha256(weights))
const isWeights = (address: string) => address === `/${sha256(weights)}`

const settings = () => ({ endpoint: hub.endpoint, cache, token: undefined, offline: false })
const patience = { attempts: 3, delay: 10, stall: 1000 }
const pull = (options: PullOptions = {}) =>
  pullModel('org/tiny', { patience, ...options, settings: { ...settings(), ...options.settings } })
const refusal = (options?: PullOptions): Promise<ModelsError> =>
  pull(options).then(
    () => expect.fail('was not refused'),
    (error) => {
      if (error instanceof ModelsError) return error
      throw error
    },
  )

describe('a model of the hub', () => {
  it('lies in the cache as other programs lay it out, only the files needed', async () => {
    const model = await pull()
    expect(model.files).toEqual([
      'README.md',
      'config.json',
      'modules.json',
      '1_Pooling/config.json',
      'model.safetensors',
    ])
    expect(model.folder).toBe(path.join(repository(), 'snapshots', hub.commit))
    expect(readFileSync(path.join(repository(), 'refs/main'), 'utf8')).toBe(hub.commit)
    expect(readlinkSync(path.join(model.folder, 'model.safetensors'))).toBe(`../../blobs/${sha256(weights)}`)
    expect(readlinkSync(path.join(model.folder, '1_Pooling/config.json'))).toBe(
      `../../../blobs/${gitSha1(Buffer.from('{}'))}`,
    )
    expect(readdirSync(path.join(repository(), 'blobs'))).toHaveLength(5)
    const opened = await openWeights(model.folder)
    expect((await opened.read('w')).data.at(-1)).toBe(49_999)
    await opened.close()
  })

  it('is not fetched again, and is there offline', async () => {
    await pull()
    hub.requests.length = 0
    expect((await pull()).offline).toBe(false)
    expect(hub.requests).toEqual(['GET /api/models/org/tiny/revision/main?blobs=true'])
    const offline = await pull({ settings: { offline: true } })
    expect(offline).toMatchObject({ commit: hub.commit, offline: true, bytes: expect.any(Number) })
    expect(offline.files.toSorted()).toEqual((await pull()).files.toSorted())
    expect((await pull({ settings: { endpoint: 'http://127.0.0.1:1' } })).offline).toBe(true)
    expect((await pull({ revision: hub.commit, settings: { offline: true } })).folder).toBe(offline.folder)
  })

  it('tells how far it is', async () => {
    hub.fault = (address) => (isWeights(address) ? 'slow' : undefined)
    const told: PullProgress[] = []
    await pull({ onProgress: (progress) => told.push(progress) })
    const last = told.at(-1)!
    expect(last.bytes).toBe(last.total)
    expect(last.secondsLeft).toBe(0)
    expect(told.length).toBeGreaterThan(4)
    expect(told.map(({ bytes }) => bytes)).toEqual(told.map(({ bytes }) => bytes).toSorted((a, b) => a - b))
    const middle = told[told.length >> 1]!
    expect(middle.bytesPerSecond).toBeGreaterThan(20_000)
    expect(middle.secondsLeft).toBeLessThan(10)
  })

  it('comes from a mirror that tells sizes and hashes only in headers', async () => {
    hub.tellsBlobs = false
    await pull()
    expect(existsSync(weightBlob())).toBe(true)
    expect(hub.requests).toContain(`HEAD /org/tiny/resolve/${hub.commit}/model.safetensors`)
  })

  it('gives the token to the hub, not to where the hub redirects', async () => {
    await pull({ settings: { token: 'hf_secret' } })
    expect(hub.leaked).toEqual([])
  })

  it('is copied where links cannot be made, and a damaged blob is fetched again', async () => {
    await pull()
    const name = path.join(repository(), 'snapshots', hub.commit, 'config.json')
    rmSync(name)
    writeFileSync(name, config)
    truncateSync(weightBlob(), 1000)
    await pull()
    expect(lstatSync(name).isFile()).toBe(true)
    expect(readFileSync(weightBlob())).toEqual(Buffer.from(weights))
  })
})

describe('what goes wrong on the way', () => {
  it('goes on where the connection was cut', async () => {
    hub.fault = (address, count) => (isWeights(address) && count < 4 ? 'cut' : undefined)
    await pull()
    const ranges = hub.requests.filter((line) => line.includes(sha256(weights))).map((line) => line.split(' ')[2])
    expect(ranges).toHaveLength(5)
    expect(ranges[0]).toBeUndefined()
    expect(ranges[1]).toMatch(/^bytes=[1-9]\d+-$/)
    expect(readFileSync(weightBlob())).toEqual(Buffer.from(weights))
  })

  it('goes on after a stall, after 429 and 500, and when a server sends the whole again', async () => {
    const faults = ['stall', 429, 500, 'cut', 'whole'] as const
    hub.fault = (address, count) => (isWeights(address) ? faults[count] : undefined)
    await pull({ patience: { ...patience, attempts: 5, stall: 200 } })
    expect(readFileSync(weightBlob())).toEqual(Buffer.from(weights))
  })

  it('keeps the half of a download that was stopped, and no model', async () => {
    hub.fault = (address) => (isWeights(address) ? 'slow' : undefined)
    const stop = new AbortController()
    setTimeout(() => stop.abort(new Error('stopped')), 500)
    await expect(pull({ signal: stop.signal })).rejects.toThrow()
    expect(existsSync(`${weightBlob()}.incomplete`)).toBe(true)
    expect(existsSync(path.join(repository(), 'snapshots'))).toBe(false)
    expect((await refusal({ settings: { offline: true } })).message).toMatch(
      /^HF_HUB_OFFLINE is set, and "org\/tiny" of revision "main" is not in the cache/,
    )
    hub.fault = () => undefined
    hub.requests.length = 0
    await pull()
    expect(hub.requests.find((line) => line.includes(sha256(weights)))).toMatch(/bytes=[1-9]\d+-$/)
    expect(readdirSync(path.join(repository(), 'blobs')).filter((name) => name.includes('incomplete'))).toEqual([])
  })

  it('refuses wrong bytes and removes them', async () => {
    hub.fault = (address) => (isWeights(address) ? 'wrong' : undefined)
    const error = await refusal()
    expect(error.code).toBe('checksum-mismatch')
    expect(error.message).toMatch(
      /^"model.safetensors" of "org\/tiny" arrived .* expected [0-9a-f]{64}; it was removed/,
    )
    expect(readdirSync(path.join(repository(), 'blobs')).some((name) => name.startsWith(sha256(weights)))).toBe(false)
    rmSync(cache, { recursive: true })
    hub.fault = (address) => (address.endsWith('README.md') ? 'wrong' : undefined)
    expect((await refusal()).message).toMatch(/^"README.md" .* expected [0-9a-f]{40}; it was removed/)
  })

  it('begins again when what was left is not the begin of the file', async () => {
    mkdirSync(path.dirname(weightBlob()), { recursive: true })
    writeFileSync(`${weightBlob()}.incomplete`, Buffer.alloc(100_000, 7))
    await pull()
    expect(readFileSync(weightBlob())).toEqual(Buffer.from(weights))
  })

  it.each([
    [401, 'has no public model "org/tiny" (HTTP 401); check the name, or set HF_TOKEN if it is private.'],
    [403, 'has no public model'],
    [404, 'has no model "org/tiny" of revision "main"; check the name.'],
    [429, 'asks to wait (HTTP 429), and "org/tiny" of revision "main" is not in the cache'],
    [500, 'fails (HTTP 500), and'],
  ])('says what HTTP %s means', async (status, message) => {
    hub.fault = () => status
    expect((await refusal()).message).toContain(message)
  })

  it('says that a file keeps failing', async () => {
    hub.fault = (address) => (isWeights(address) ? 503 : undefined)
    expect((await refusal()).message).toBe(`${hub.endpoint} fails (HTTP 503); try again later.`)
  })

  it('says which model, revision, file or name is not there', async () => {
    await expect(pullModel('org/other', { settings: settings() })).rejects.toThrow('has no public model "org/other"')
    expect((await refusal({ revision: 'v9' })).message).toContain('"org/tiny" has no revision "v9"')
    expect((await refusal({ file: 'a.gguf' })).message).toContain('holds no file "a.gguf"')
    await expect(pullModel('../etc', { settings: settings() })).rejects.toThrow('is not the name of a model')
    expect((await refusal({ revision: '../x' })).message).toContain('is not a revision')
    hub.files.delete('model.safetensors')
    hub.files.delete('pytorch_model.bin')
    expect((await refusal()).message).toContain('holds no weights in a format that is read')
  })

  it('says that there is no network', async () => {
    const gone = await startHub({})
    await gone.close()
    const error = await refusal({ settings: { endpoint: gone.endpoint } })
    expect(error.message).toMatch(
      /^http:\/\/127.0.0.1:\d+ cannot be reached \(ECONNREFUSED\), and "org\/tiny" of revision "main" is not in the cache .*; connect once and run "volant models pull org\/tiny"\.$/,
    )
  })

  it.runIf(existsSync('/dev/full'))('says that the disk is full', async () => {
    mkdirSync(path.dirname(weightBlob()), { recursive: true })
    symlinkSync('/dev/full', `${weightBlob()}.incomplete`)
    const error = await refusal()
    expect(error.code).toBe('disk-full')
    expect(error.message).toMatch(/^The disk of the cache ".*" is full \(ENOSPC\); free some space/)
  })

  it('takes over what an earlier process of the same number left', async () => {
    mkdirSync(path.dirname(weightBlob()), { recursive: true })
    const name = hostname().replaceAll(/[^A-Za-z0-9]/g, '_')
    const half = `${weightBlob()}.${name}-${process.pid}-0.incomplete`
    writeFileSync(half, weights.subarray(0, 100_000))
    utimesSync(half, 1e9, 1e9)
    await pull()
    expect(hub.requests.find((line) => line.includes(sha256(weights)))).toMatch(/bytes=100000-$/)
    expect(existsSync(half)).toBe(false)
  })

  it('needs all shards of an index', async () => {
    const [first, second] = ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors']
    hub.files.delete('model.safetensors')
    hub.files.set(first!, Buffer.from(weights))
    hub.files.set(second!, Buffer.from(writeSafetensors(new Map([['v', tensorOf('float32', [1], [1])]]))))
    hub.files.set('model.safetensors.index.json', Buffer.from(JSON.stringify({ weight_map: { w: first, v: second } })))
    const { files, folder } = await pull()
    expect(files.slice(-3)).toEqual([first, second, 'model.safetensors.index.json'])
    const opened = await openWeights(folder)
    expect([...(await opened.read('v')).data]).toEqual([1])
    await opened.close()
    rmSync(path.join(folder, second!))
    expect((await refusal({ settings: { offline: true } })).message).toContain(`only in part (without ${second})`)
  })

  it('does not use a model that other programs fetched in part', async () => {
    await pull()
    rmSync(weightBlob())
    expect((await refusal({ settings: { offline: true } })).message).toContain('only in part (without the weights)')
  })
})

describe('several processes', () => {
  const dist = new URL('../../dist/index.js', import.meta.url).href
  const child = (): ChildProcess => {
    const call = `pullModel('org/tiny', { settings: ${JSON.stringify(settings())} })`
    const code = `import { pullModel } from '${dist}'; console.log((await ${call}).bytes)`
    return spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: ['ignore', 'pipe', 'inherit'] })
  }

  it('wait for each other and do not spoil what the first fetches', async () => {
    hub.fault = (address) => (isWeights(address) ? 'slow' : undefined)
    const codes = await Promise.all(
      [child(), child(), child()].map(async (process) => (await once(process, 'exit'))[0]),
    )
    expect(codes).toEqual([0, 0, 0])
    expect(readFileSync(weightBlob())).toEqual(Buffer.from(weights))
    expect(readdirSync(path.join(repository(), 'blobs')).filter((name) => name.includes('incomplete'))).toEqual([])
  })

  it('go on with what a killed one left', async () => {
    hub.fault = (address) => (isWeights(address) ? 'slow' : undefined)
    const killed = child()
    const blobs = path.join(repository(), 'blobs')
    const half = () => readdirSync(blobs).find((name) => name.startsWith(`${sha256(weights)}.`))
    while (!existsSync(blobs) || !half() || lstatSync(path.join(blobs, half()!)).size === 0) await sleep(20)
    killed.kill('SIGKILL')
    await once(killed, 'exit')
    hub.fault = () => undefined
    hub.requests.length = 0
    await pull()
    expect(hub.requests.find((line) => line.includes(sha256(weights)))).toMatch(/bytes=[1-9]\d+-$/)
    expect(readFileSync(weightBlob())).toEqual(Buffer.from(weights))
  })
})
