import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { afterAll, describe, expect, it } from 'vitest'
import { readTexts, type TextsOptions } from './texts.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-texts-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

async function texts(name: string, content: string | Uint8Array, options?: TextsOptions): Promise<string[]> {
  const path = join(folder, name)
  writeFileSync(path, content)
  const all: string[] = []
  for await (const text of readTexts(path, options)) all.push(text)
  return all
}

describe('texts of a file', () => {
  it('are the lines of plain text, blank ones left out, in any encoding and gzipped too', async () => {
    expect(await texts('a.txt', 'One, two\r\n\n  \nZwei "drei"\n最后一行')).toEqual([
      'One, two',
      'Zwei "drei"',
      '最后一行',
    ])
    expect(await texts('b.txt.gz', gzipSync('first\nsecond\n'))).toEqual(['first', 'second'])
    expect(await texts('c.txt', Buffer.from([0xff, 0xfe, 0x41, 0, 0x0a, 0, 0x42, 0]))).toEqual(['A', 'B'])
    const long = `${'word '.repeat(100_000)}end`
    expect(await texts('d.md', `${long}\nshort`)).toEqual([long, 'short'])
  })

  it('are plain text as it is written, in pieces of whole lines, where that is asked for', async () => {
    const text = Array.from({ length: 20_000 }, (_, i) => (i % 9 ? `line ${i}` : '')).join('\n')
    const pieces = await texts('f.txt', `${text}\n`, { asWritten: true })
    expect(pieces.length).toBeGreaterThan(2)
    expect(pieces.join('')).toBe(`${text}\n`)
    expect(pieces.slice(1).every((piece) => piece.startsWith('\n'))).toBe(true)
    expect(await texts('f.csv', 'text\na\nb\n', { asWritten: true })).toEqual(['a', 'b'])
  })

  it('are the cells of the column "text", of the only one, or of the one that is named', async () => {
    expect(await texts('a.csv', 'text,label\n"Hello, you",1\n,2\nBye,3\n')).toEqual(['Hello, you', 'Bye'])
    expect(await texts('b.jsonl', '{"message":"a"}\n{"message":"b"}\n')).toEqual(['a', 'b'])
    expect(await texts('c.csv', 'one,two\nx,y\n', { column: 'two' })).toEqual(['y'])
  })

  it('where it is not clear which column, the columns are listed', async () => {
    await expect(texts('d.csv', 'one,two\nx,y\n')).rejects.toThrow(
      'no column "text"; name the one with the texts: one, two.',
    )
    await expect(texts('e.csv', 'one,two\nx,y\n', { column: 'three' })).rejects.toThrow(/three/)
    await expect(texts('e.txt', 'abc', { column: 'three' })).rejects.toThrow('is plain text and has no column "three"')
    await expect(texts('f.txt', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]))).rejects.toThrow('PNG')
  })
})
