import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** An encoder of random weights whose tokens are letters, and what the reference implementation says of some texts. */
const base = fileURLToPath(new URL('../../../models/test/fixtures/letters', import.meta.url))
const known: { texts: string[]; vectors: number[][] } = JSON.parse(
  readFileSync(path.join(base, 'vectors.json'), 'utf8'),
)
let folder: string
let data: string

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'volant-embed-'))
  data = path.join(folder, 'texts.jsonl')
  writeFileSync(data, known.texts.map((text, i) => `${JSON.stringify({ text, number: i })}\n`).join(''))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function embed(args: string[], input = ''): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [main, 'embed', ...args, '--threads', '1'], {
    encoding: 'utf8',
    input,
    timeout: 60_000,
  })
}

function expectKnown(rows: readonly ArrayLike<number>[]): void {
  expect(rows.length).toBe(known.vectors.length)
  for (const [i, row] of rows.entries())
    for (const [j, value] of known.vectors[i]!.entries()) expect(row[j]).toBeCloseTo(value, 4)
}

describe('volant embed', () => {
  it('writes JSON lines and a NumPy file', () => {
    const lines = path.join(folder, 'vectors.jsonl')
    const first = embed([data, '--base', base, '--inputs', 'text', '--out', lines])
    expect(first.status, first.stderr).toBe(0)
    expect(first.stdout).toMatch(/^5 texts as vectors of 16 \(.* a second\): .*vectors\.jsonl\n$/)
    const rows = readFileSync(lines, 'utf8').trimEnd().split('\n')
    const parsed = rows.map((line) => JSON.parse(line) as { id: number; text: string; vector: number[] })
    expect(parsed.map(({ id, text }) => [id, text])).toEqual(known.texts.map((text, id) => [id, text]))
    expectKnown(parsed.map(({ vector }) => vector))

    const file = path.join(folder, 'vectors.npy')
    const second = embed([data, '--base', base, '--inputs', 'text', '--out', file, '--json'])
    expect(JSON.parse(second.stdout)).toMatchObject({ out: file, texts: 5, width: 16 })
    const bytes = readFileSync(file)
    expect(bytes.subarray(0, 8).toString('latin1')).toBe('\x93NUMPY\x01\x00')
    const start = 10 + bytes.readUInt16LE(8)
    expect(start % 64).toBe(0)
    expect(bytes.subarray(10, start).toString()).toMatch(
      /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(5, 16\), \} *\n$/,
    )
    const numbers = new Float32Array(new Uint8Array(bytes.subarray(start)).buffer)
    expect(numbers.length).toBe(80)
    expectKnown(known.texts.map((_, row) => numbers.subarray(row * 16, row * 16 + 16)))
    expect(embed([data, '--base', base, '--inputs', 'text', '--out', file]).stderr).toContain('exists already')
  })

  it('reads lines of stdin, and needs no name for the only column', () => {
    const piped = embed(['-', '--base', base], `${known.texts[0]}\nzz\n`)
    expect(piped.status, piped.stderr).toBe(0)
    expect(piped.stdout.trim().split('\n')).toHaveLength(2)
    const csv = path.join(folder, 'one.csv')
    writeFileSync(csv, `text\n${known.texts[0]}\nzz\n`)
    expect(embed([csv, '--base', base]).stdout).toBe(piped.stdout)
  })

  it('puts an adapter of volant train on its base, and refuses another base', () => {
    const rows = path.join(folder, 'rows.csv')
    const row = (i: number) => `${'ak'[i % 2]} letter ${'abcdefgh'[i % 8]}${'ijklm'[i >> 3]},${i % 2}`
    writeFileSync(rows, `text,q\n${Array.from({ length: 40 }, (_, i) => row(i)).join('\n')}\n`)
    const model = path.join(folder, 'model')
    const tuned = ['--base', base, '--tune', 'lora', '--encoder', 'pretrained', '--epochs', '4', '--inputs', 'text']
    const trained = spawnSync(process.execPath, [main, 'train', rows, '--outputs', 'q', ...tuned, '--out', model], {
      encoding: 'utf8',
    })
    expect(trained.status, trained.stderr).toBe(0)
    const adapter = ['--adapter', path.join(model, 'adapter')]
    const vectors = (...given: string[]): number[][] => {
      const { status, stdout, stderr } = embed(['-', '--base', base, ...given], 'ab\nkd\n')
      expect(status, stderr).toBe(0)
      return stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line).vector)
    }
    expect(vectors()).not.toEqual(vectors(...adapter))
    const other = fileURLToPath(new URL('../../../models/bases/english', import.meta.url))
    expect(embed(['-', '--base', other, ...adapter], 'ab\n').stderr).toMatch(
      /the adapter belongs to .* Give it the base it/,
    )
  })

  it('finds the nearest texts', () => {
    const args = [data, '--base', base, '--inputs', 'text', '--search', 'card', '--top', '2']
    const found = embed(args)
    expect(found.status, found.stderr).toBe(0)
    expect(found.stdout.split('\n')[0]).toBe('1.0000  card')
    const lines = embed([...args, '--json'])
      .stdout.trim()
      .split('\n')
    expect(lines).toHaveLength(2)
    expect(JSON.parse(lines[0]!)).toEqual({ id: 4, similarity: 1, text: 'card' })
  })

  it.each([
    [['--inputs', 'text'], 2, '--base is needed'],
    [['--base', base], 2, '--inputs is to name one column of'],
    [['--base', base, '--inputs', 'txt'], 1, 'Did you mean "text"?'],
    [['--base', base, '--out', 'x.bin'], 2, 'expected a name that ends in .npy or .jsonl'],
    [['--base', base, '--top', '3'], 2, '--top needs --search'],
    [['--base', base, '--quantise', '4bit'], 2, 'encoders take --quantise int8, not 4bit'],
  ])('refuses %j', (args, code, message) => {
    const { status, stderr } = embed([data, ...args])
    expect(stderr).toContain(message)
    expect(status).toBe(code)
  })

  it('leaves nothing half-written', () => {
    const out = path.join(folder, 'absent', 'vectors.npy')
    expect(embed([data, '--base', base, '--inputs', 'text', '--out', out]).status).toBe(1)
    expect(existsSync(`${out}.unfinished`)).toBe(false)
  })
})
