import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { PassThrough } from 'node:stream'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { runCommandLine } from '../program.js'

const cache = mkdtempSync(path.join(tmpdir(), 'volant-models-'))
const commit = 'c'.repeat(40)
const header = JSON.stringify({ w: { dtype: 'F32', shape: [2, 3], data_offsets: [0, 24] } })
const length = Buffer.alloc(8)
length.writeBigUInt64LE(BigInt(header.length))
const files: Record<string, Buffer> = {
  'model.safetensors': Buffer.concat([length, Buffer.from(header), Buffer.alloc(24)]),
  'config.json': Buffer.from('{"architectures":["BertModel"],"vocab_size":9,"max_position_embeddings":8}'),
  'README.md': Buffer.from('---\nlicense: mit\n---\n'),
}

/** A hub of one model. */
const hub = createServer((request, response) => {
  const file = request.url!.split(`/resolve/${commit}/`)[1]
  if (file) response.end(files[file])
  else if (request.url!.startsWith('/api/models/org/tiny/revision/main')) {
    const siblings = Object.entries(files).map(([rfilename, content]) => ({
      rfilename,
      size: content.length,
      blobId: createHash('sha1').update(`blob ${content.length}\0`).update(content).digest('hex'),
    }))
    response.end(JSON.stringify({ sha: commit, siblings }))
  } else response.writeHead(404).end()
})

beforeAll(async () => {
  hub.listen(0, '127.0.0.1')
  await once(hub, 'listening')
  process.env['HF_ENDPOINT'] = `http://127.0.0.1:${(hub.address() as AddressInfo).port}`
  process.env['HF_HUB_CACHE'] = cache
})
afterAll(() => {
  hub.closeAllConnections()
  hub.close()
  rmSync(cache, { recursive: true, force: true })
})

async function volant(args: string[], live = false): Promise<{ code: number; out: string; err: string }> {
  const said = { out: '', err: '' }
  const stderr = new PassThrough()
  stderr.on('data', (chunk) => {
    said.err += chunk
  })
  const code = await runCommandLine(['models', ...args], {
    print: (text) => {
      said.out += `${text}\n`
    },
    write: (text) => {
      said.out += text
    },
    note: (text) => {
      said.err += `${text}\n`
    },
    live,
    width: 100,
    stderr,
    signal: new AbortController().signal,
  })
  return { code, ...said }
}

it('pulls, lists, shows and removes a model', async () => {
  const pulled = await volant(['pull', 'org/tiny'], true)
  expect(pulled).toMatchObject({
    code: 0,
    out: expect.stringMatching(/^org\/tiny \(main is c{40}\): 3 files, \d+ B\n\//),
  })
  expect(pulled.err).toMatch(/ of \d+ B .*\/s/)
  expect((await volant(['list'])).out).toMatch(/model .*state\norg\/tiny +main +c{12} +3 +\d+ B +whole\n\n\d+ B in \//)
  const { out } = await volant(['show', 'org/tiny'])
  expect(out).toMatch(/architecture +BertModel\nparameters +6\nstored as +F32\ntokens +9\npositions +8\nlicence +mit\n/)
  const { folder } = JSON.parse((await volant(['pull', 'org/tiny', '--json'])).out)
  expect(JSON.parse((await volant(['show', folder, '--json'])).out)).toMatchObject({ parameters: 6, licence: 'mit' })
  expect((await volant(['remove', 'org/tiny'])).out).toMatch(/^Removed org\/tiny: \d+ B freed\.\n$/)
  expect(existsSync(folder)).toBe(false)
  expect((await volant(['list'])).out).toContain('Fetch one: volant models pull <org/name>')
})

it('shows a single weight file', async () => {
  const file = path.join(cache, 'own.safetensors')
  writeFileSync(file, files['model.safetensors']!)
  expect(JSON.parse((await volant(['show', file, '--json'])).out)).toMatchObject({ parameters: 6, architecture: null })
})

it.each([
  [['fetch', 'org/tiny'], 2, 'models can pull, list, show and remove, found "fetch"'],
  [['pull'], 2, 'models pull needs the name of a model'],
  [['list', 'org/tiny'], 2, 'models list takes no model'],
  [['show', 'org/tiny', '--file', 'x'], 2, 'models show takes no --file'],
  [['pull', 'org/other'], 1, 'has no model "org/other" of revision "main"; check the name.'],
  [['show', 'org/other'], 1, '"org/other" of revision "main" is not in the cache'],
])('says what is wrong with %j', async (args, code, message) => {
  const said = await volant(args)
  expect(said.code).toBe(code)
  expect(said.err).toContain(message)
})
