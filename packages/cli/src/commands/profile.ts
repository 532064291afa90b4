import { openTable, profile, renderProfile } from '@volant/data'
import { command } from '../command.js'

export const profileCommand = command({
  name: 'profile',
  summary: 'Show types, gaps, balance, duplicates and columns that give the answer away',
  arguments: [{ name: 'data', description: 'CSV, TSV, JSONL or Parquet file (also .gz)', required: true }],
  options: ['outputs', 'test', 'json'],
  examples: [
    ['volant profile tickets.csv', 'every column'],
    ['volant profile tickets.csv --outputs queue --test later.csv', 'also balance, leakage and overlap with later.csv'],
  ],
  async run([data], { outputs, test, json }, terminal) {
    const source = await openTable(data!, { signal: terminal.signal })
    const other = test === undefined ? undefined : await openTable(test, { signal: terminal.signal })
    try {
      const result = await profile(source, { targets: outputs, test: other })
      terminal.print(json ? JSON.stringify(result) : renderProfile(result))
    } finally {
      await Promise.all([source.close(), other?.close()])
    }
  },
})
