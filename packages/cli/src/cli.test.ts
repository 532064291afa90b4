import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../dist/main.js', import.meta.url))
const folder = mkdtempSync(path.join(tmpdir(), 'volant-cli-'))
const inFolder = (name: string) => path.join(folder, name)

function volant(args: string[], input = ''): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8', input, timeout: 120_000 })
}

const lines = (text: string) => text.trim().split('\n')
const lastLine = (text: string) => lines(text).at(-1)!

beforeAll(() => {
  const verbs = {
    card: ['lost', 'stolen', 'blocked'],
    money: ['transfer', 'refund', 'payment'],
    login: ['password', 'code', 'account'],
  }
  const rows = Object.entries(verbs).flatMap(([queue, words]) =>
    words.flatMap((word) =>
      Array.from({ length: 12 }, (_, n) => `"my ${word}, number ${n}, please help",${n % 2 ? 'pro' : 'free'},${queue}`),
    ),
  )
  writeFileSync(inFolder('tickets.csv'), `message,plan,queue\n${rows.join('\n')}\n`)
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describe('from a CSV to answers', () => {
  it('writes a commented spec and trains from it', () => {
    const init = volant(['init', 'tickets.csv', '--outputs', 'queue', '--out', 'spec.yaml'])
    expect(init.status, init.stderr).toBe(0)
    expect(readFileSync(inFolder('spec.yaml'), 'utf8')).toMatch(/message:[\s\S]*queue:[\s\S]*seed: 42/)
    const train = volant([
      'train',
      'tickets.csv',
      '--spec',
      'spec.yaml',
      '--time-limit',
      '10s',
      '--json',
      '--out',
      'model',
    ])
    expect(train.status, train.stderr).toBe(0)
    const report = JSON.parse(train.stdout)
    expect(report).toMatchObject({
      task: 'classification',
      spec: { train: { seed: 42 } },
      split: { train: expect.any(Number) },
    })
    expect(report.metrics.test.queue.accuracy).toBeGreaterThan(0.6)
    expect(readdirSync(inFolder('model'))).toEqual(
      expect.arrayContaining(['README.md', 'examples.json', 'model.json', 'model.onnx', 'weights.safetensors']),
    )
  })

  it('predicts a file and JSON lines in order, bad rows in their places', () => {
    const file = volant(['predict', 'model', 'tickets.csv'])
    expect(file.status, file.stderr).toBe(0)
    expect(lines(file.stdout)).toHaveLength(108)
    const piped = volant(
      ['predict', 'model'],
      '{"message":"my card was stolen","plan":"pro"}\nnonsense\n{"message":"password"}\n',
    )
    expect(piped.status).toBe(1)
    const [first, second, third] = lines(piped.stdout).map((line) => JSON.parse(line))
    expect(first.queue).toMatchObject({ value: 'card', probabilities: { card: expect.any(Number) } })
    expect(second.error).toMatchObject({ row: 2, message: expect.stringContaining('not a JSON object') })
    expect(third.queue.value).toBe('login')
    expect(lastLine(piped.stderr)).toBe('volant: 1 of the rows could not be predicted; their lines say why.')
  })

  it('predicts CSV on stdin', () => {
    const piped = volant(['predict', 'model', '-'], 'message,plan\n"lost, my card",free\n')
    expect(piped.status, piped.stderr).toBe(0)
    expect(JSON.parse(piped.stdout).queue.value).toBe('card')
  })

  it('leaves out a row with too many fields and says so at the end, in words and in the report', () => {
    const good = readFileSync(inFolder('tickets.csv'), 'utf8')
    writeFileSync(inFolder('uneven.csv'), `${good}one,two,three,four\n`)
    const args = ['train', 'uneven.csv', '--outputs', 'queue', '--out']
    const said = volant([...args, 'uneven'])
    expect(said.status, said.stderr).toBe(0)
    expect(said.stdout).toMatch(/1 row was left out of uneven\.csv: malformed \(first: line 110, .+\)\./)
    const { rejected } = JSON.parse(volant([...args, 'uneven-json', '--json']).stdout)
    expect(rejected).toEqual([{ path: 'uneven.csv', rows: 1, first: { line: 110, reason: expect.any(String) } }])
    const profile = volant(['profile', 'uneven.csv'])
    expect(profile.stdout.split('\n\n').at(-1)).toMatch(/! 1 row could not be read and was kept aside/)
    expect(JSON.parse(volant(['profile', 'uneven.csv', '--json']).stdout)).toMatchObject({ rejectedCount: 1 })
  })

  it('evaluates and profiles', () => {
    const evaluate = volant(['evaluate', 'model', 'tickets.csv', '--json'])
    expect(JSON.parse(evaluate.stdout)).toMatchObject({
      rows: 108,
      metrics: { queue: { accuracy: expect.any(Number) } },
    })
    const profile = volant(['profile', 'tickets.csv', '--outputs', 'queue'])
    expect(profile.status, profile.stderr).toBe(0)
    expect(profile.stdout).toContain('queue')
  })
})

describe('wrong usage ends with 2', () => {
  it.each([
    [['train', 'tickets.csv', '--out', 'm'], 'train needs --outputs'],
    [['train', 'tickets.csv', '--outputs', 'queue'], 'train needs --out'],
    [['train', 'tickets.csv', '--spec', 'spec.yaml', '--outputs', 'queue', '--out', 'm'], '--spec already names'],
    [
      ['train', 'tickets.csv', '--outputs', 'queue', '--out', 'm', '--test', 'tickets.csv', '--split', '.8,.1,.1'],
      '--split gives a share to the test part',
    ],
    [['train', 'tickets.csv', '--outputs', 'queue', '--out', 'm', '--time-limit', 'soon'], 'a time such as 90s'],
    [['train', 'tickets.csv', '--outpust', 'queue'], '--outputs'],
    [['trian'], 'train'],
    [['train'], "missing required argument 'data'"],
  ])('%j', (args, sentence) => {
    const { status, stderr, stdout } = volant(args)
    expect(status).toBe(2)
    expect(stderr).toContain(sentence)
    expect(stdout).toBe('')
  })
})

it('takes --version after a command for an option of that command', () => {
  expect(volant(['--version']).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  const { status, stderr, stdout } = volant(['rollback', 'desk', '--version', 'v1', '--url', 'http://127.0.0.1:1'])
  expect(stdout).toBe('')
  expect(stderr).toContain('No server answers')
  expect(status).toBe(1)
})

describe('bad input ends with 1 and one sentence, nothing written', () => {
  const big = 'x'.repeat(10_000_001)
  it.each<[string, string | Buffer, string, RegExp]>([
    ['empty.csv', '', 'queue', /empty/],
    ['header.csv', 'message,queue\n', 'queue', /header|no rows/],
    ['missing.csv', 'message,label\na,b\nc,d\n', 'queue', /queue/],
    ['blank.csv', 'message,queue\nhello there,\nyou there,\n', 'queue', /queue/],
    ['one.csv', 'message,queue\nhello there,a\nyou there,a\n', 'queue', /one class|only/i],
    ['single.csv', 'message,queue\nhello there,a\nyou there,b\nwe there,c\n', 'queue', /queue/],
    ['huge.csv', `message,queue\n${big},a\nhello,b\n`, 'queue', /cell|characters|MB/i],
    [
      'binary.csv',
      Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0x0d, 0xff, 0xfe, 0, 1, 2, 3]),
      'queue',
      /binary|not/i,
    ],
    [
      'cut.csv.gz',
      gzipSync('message,queue\n'.padEnd(100_000, 'some text,a\n')).subarray(0, 60),
      'queue',
      /gz|truncat|incomplete/i,
    ],
    ['wide.csv', `${Array.from({ length: 1_000_000 }, (_, n) => `c${n}`).join(',')}\n`, 'queue', /column/],
  ])('%s', (name, content, output, sentence) => {
    writeFileSync(inFolder(name), content)
    const { status, stderr, stdout } = volant(['train', name, '--outputs', output, '--out', `out-${name}`])
    expect(stdout).toBe('')
    expect(lastLine(stderr)).toMatch(/^volant: /)
    expect(lastLine(stderr)).toMatch(sentence)
    expect(stderr).not.toMatch(/\n {4}at /)
    expect(status).toBe(1)
    expect(existsSync(inFolder(`out-${name}`))).toBe(false)
  })

  it('refuses a model folder that is none, or of another version', () => {
    expect(volant(['predict', 'nothing-here', 'tickets.csv']).status).toBe(1)
    const other = JSON.parse(readFileSync(inFolder('model/model.json'), 'utf8'))
    spawnSync('cp', ['-r', inFolder('model'), inFolder('future')])
    writeFileSync(inFolder('future/model.json'), JSON.stringify({ ...other, version: 999 }))
    const { status, stderr } = volant(['predict', 'future', 'tickets.csv'])
    expect(status).toBe(1)
    expect(lastLine(stderr)).toMatch(/999/)
  })

  it('does not overwrite a model that is there', () => {
    const { status, stderr } = volant(['train', 'tickets.csv', '--outputs', 'queue', '--out', 'model'])
    expect(status).toBe(1)
    expect(stderr).toContain('model exists already. Name another --out, or add --force')
  })
})
