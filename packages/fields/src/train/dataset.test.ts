import { tableFromRows } from '@volant/data'
import { expect, it } from 'vitest'
import { tickets } from '../fixtures.js'
import { parseSpec } from '../spec/parse.js'
import { readDataset } from './dataset.js'

it('counts and tells missing inputs, NaN among them, and trimmed spaces; nothing of clean rows', async () => {
  const spec = parseSpec({
    inputs: { message: 'text', plan: 'category', age: 'number' },
    outputs: { queue: 'category' },
  })
  const clean: string[] = []
  await readDataset(tableFromRows(tickets(30), 'a.csv'), spec, (note) => clean.push(note))
  expect(clean).toEqual([])
  const rows = tickets(30).map((row, at) => ({
    ...row,
    age: at < 4 ? 'NaN' : at < 6 ? null : row['age']!,
    message: at === 7 ? '' : ` ${row['message']} `,
    queue: at < 9 ? ` ${row['queue']}` : row['queue']!,
  }))
  const notes: string[] = []
  const data = await readDataset(tableFromRows(rows, 'a.csv'), spec, (note) => notes.push(note))
  expect(notes).toEqual([
    '"a.csv": of 30 rows these inputs are missing: "message" in 1, "age" in 6.',
    'Column "queue": spaces at the start or end of 9 cells are trimmed.',
  ])
  expect(new Set(data.labels['queue'])).toEqual(new Set(['billing', 'delivery', 'account']))
})
