import { describe, expect, it } from 'vitest'
import { randomStream } from '../prepare/random.js'
import { CsvReader } from './csv.js'

interface Outcome {
  records: { cells: string[]; line: number }[]
  rejects: { line: number; reason: string; text: string }[]
}

function read(blocks: string[], maxCell = 1e6): Outcome {
  const outcome: Outcome = { records: [], rejects: [] }
  const reader = new CsvReader(
    44,
    {
      record: (cells, line) => outcome.records.push({ cells, line }),
      reject: (line, _cell, reason, text) => outcome.rejects.push({ line, reason, text }),
    },
    { path: 'x.csv', maxCell, maxColumns: 1000 },
  )
  for (const block of blocks) reader.feed(block)
  reader.finish()
  return outcome
}

const first = Number(process.env['SEED'] ?? Date.now() % 1e6)

/** Text that is nearly CSV: cells, quotes where they belong and where they do not, line ends of all kinds. */
function garbage(seed: number): string {
  const random = randomStream(seed)
  const parts = ['a', 'bc', ',', ',', '"', '""', '"x"', '"y\nz"', '\n', '\n', '\r\n', '\r', ' ', '\0', '汉', '😀']
  return Array.from({ length: Math.floor(random() * 60) }, () => parts[Math.floor(random() * parts.length)]).join('')
}

describe(`CsvReader on garbage (seeds from ${first}; SEED=… repeats)`, () => {
  it('reads the same however the text is cut into blocks', () => {
    for (let seed = first; seed < first + 3000; seed++) {
      const text = garbage(seed)
      const random = randomStream(seed + 1)
      const blocks: string[] = []
      for (let at = 0; at < text.length; ) {
        const size = 1 + Math.floor(random() * 9)
        blocks.push(text.slice(at, at + size))
        at += size
      }
      expect({ seed, ...read(blocks) }).toEqual({ seed, ...read([text]) })
    }
  })

  it('accounts for every line: in a record or rejected, none twice', () => {
    for (let seed = first; seed < first + 3000; seed++) {
      const text = garbage(seed)
      if (text.includes('\r') && !text.includes('\n')) continue
      const { records, rejects } = read([text])
      const starts = [
        ...records.map(({ cells, line }) => [line, 1 + newlines(cells.join())]),
        ...rejects.map(({ line }) => [line, 1]),
      ] as [number, number][]
      starts.sort((a, b) => a[0] - b[0])
      let line = 1
      for (const [start, lines] of starts) {
        expect({ seed, start }).toEqual({ seed, start: line })
        line += lines
      }
      expect({ seed, lines: line - 1 }).toEqual({
        seed,
        lines: text === '' ? 0 : newlines(text) + (text.endsWith('\n') ? 0 : 1),
      })
    }
  })
})

function newlines(text: string): number {
  return text.split('\n').length - 1
}

describe('CsvReader', () => {
  it('measures a cell that is too large over many blocks', () => {
    const blocks = ['a,b\n1,"', ...Array.from({ length: 50 }, () => 'x'.repeat(1000)), 'end",2\n']
    expect(() => read(blocks, 10_000)).toThrow(/row 1 \(line 2\), cell 2 holds 0\.1 MB/)
    expect(() => read(blocks.slice(0, -1), 10_000)).toThrow(/A quote opens there and never closes/)
  })

  it('stays linear when a record spans many blocks', () => {
    const blocks = ['a\n"', ...Array.from({ length: 20_000 }, () => 'y'.repeat(200)), '"\n']
    const started = performance.now()
    expect(read(blocks, 1e7).records[1]!.cells[0]).toHaveLength(4_000_000)
    expect(performance.now() - started).toBeLessThan(60_000)
  })
})
