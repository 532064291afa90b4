import { describe, expect, it } from 'vitest'
import { decodeLine, encodeLine, type Line, linesOf } from './lines.js'

const entries = [
  { kind: 'feedback', record: { id: 'a', text: 'line\nbreak, "quotes", 北京 🙂', n: 1.5, none: null } },
  { kind: 'usage', record: { id: 'b' } },
]

async function read(bytes: Buffer, chunk: number): Promise<Line[]> {
  async function* chunks() {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk)
  }
  const lines: Line[] = []
  for await (const line of linesOf(chunks(), 0)) lines.push(line)
  return lines
}

describe('a journal line', () => {
  it('comes back as it was, and is text', () => {
    const line = encodeLine(entries)
    expect(line.toString().slice(9)).toBe(`[["feedback",${JSON.stringify(entries[0]!.record)}],["usage",{"id":"b"}]]\n`)
    expect(decodeLine(line.subarray(0, -1))).toEqual(entries)
  })

  it('is known to be broken after any change of one byte', () => {
    const line = encodeLine(entries).subarray(0, -1)
    for (let at = 0; at < line.length; at++) {
      const changed = Buffer.from(line)
      changed[at]! ^= 1 << (at % 8)
      expect(decodeLine(changed), `byte ${at}`).toBeUndefined()
    }
    for (let length = 0; length < line.length; length++) expect(decodeLine(line.subarray(0, length))).toBeUndefined()
  })

  it('is found whatever the chunks it arrives in, with its place', async () => {
    const lines = [encodeLine(entries), encodeLine([entries[1]!]), encodeLine(entries)]
    const bytes = Buffer.concat([...lines, Buffer.from('12345678 [["half')])
    for (const chunk of [1, 7, 64, 1000]) {
      const read_ = await read(bytes, chunk)
      expect(read_.map(({ entries }) => entries?.length)).toEqual([2, 1, 2, undefined])
      expect(read_.map(({ start, end }) => end - start)).toEqual([...lines.map(({ length }) => length), 16])
      expect(read_.at(-1)!.end).toBe(bytes.length)
    }
  })
})
