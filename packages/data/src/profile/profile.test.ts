import { existsSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { openTable } from '../import/open.js'
import { randomStream } from '../prepare/random.js'
import { tableFromRows } from '../table/memory.js'
import type { Row } from '../table/table.js'
import { profile } from './profile.js'
import { renderProfile } from './render.js'

const topics = ['card', 'loan', 'app'] as const

/** Tickets whose words hint at the queue but do not settle it; `extra` may add a column that does. */
function tickets(count: number, extra: (queue: string, random: () => number, at: number) => Row = () => ({})): Row[] {
  const random = randomStream(5)
  return Array.from({ length: count }, (_, at) => {
    const queue = topics[Math.floor(random() * 3)]!
    const hint = random() < 0.6 ? queue : topics[Math.floor(random() * 3)]!
    const fill = Array.from({ length: 6 }, () => `w${Math.floor(random() * 300)}`).join(' ')
    return {
      text: `my ${hint} is broken ${fill}`,
      age: String(Math.floor(18 + random() * 60)),
      queue,
      ...extra(queue, random, at),
    }
  })
}

const target = { targets: ['queue'] }

describe('profile', () => {
  it('warns of the first of very many columns and counts the rest', async () => {
    const rows = tickets(40, () => Object.fromEntries(Array.from({ length: 50 }, (_, at) => [`none${at}`, null])))
    const { warnings } = await profile(tableFromRows(rows), target)
    expect(warnings.filter((warning) => warning.includes('none'))).toHaveLength(10)
    expect(warnings).toContain('40 more columns are empty.')
  })

  it('counts types, gaps, values, spaces and case variants', async () => {
    const rows: Row[] = Array.from({ length: 40 }, (_, at) => ({
      n: at % 4 === 0 ? 'n/a' : `${at}`,
      kind: ['Bug', 'bug', ' ask', 'ask'][at % 4]!,
      none: null,
      same: 'x',
    }))
    const { columns, warnings } = await profile(tableFromRows(rows))
    const [n, kind, none, same] = columns
    expect(n).toMatchObject({ type: 'number', missing: 10, distinct: 31, numbers: { min: 1, max: 39 } })
    expect(kind).toMatchObject({
      type: 'category',
      missing: 0,
      distinct: 3,
      straySpaces: 10,
      caseVariants: { count: 1 },
    })
    expect(kind!.top).toEqual([
      { value: 'ask', count: 20 },
      { value: 'Bug', count: 10 },
      { value: 'bug', count: 10 },
    ])
    expect([none!.type, same!.type]).toEqual(['empty', 'constant'])
    expect(warnings).toEqual([
      'Column "none" is empty.',
      'Column "kind" has stray spaces at the start or end of 10 cells; labels are trimmed.',
      'Column "kind" has 1 value in different case, such as "Bug" (10) and "bug" (10); they stay different.',
      expect.stringContaining('repeat'),
    ])
  })

  it('gives quantiles as numpy does by default', async () => {
    // numpy.quantile([1, 2, 3, 4, 10], [.05, .25, .5, .75, .95]) and std(ddof=1)
    const { columns } = await profile(tableFromRows([3, 1, 10, 2, 4].map((n) => ({ n }))))
    expect(columns[0]!.numbers!.quantiles).toEqual({ p5: 1.2, p25: 2, p50: 3, p75: 4, p95: expect.closeTo(8.8, 10) })
    expect(columns[0]!.numbers).toMatchObject({ mean: 4, deviation: expect.closeTo(3.5355339059, 9) })
  })

  it('suspects nothing in honest data', async () => {
    expect((await profile(tableFromRows(tickets(3000)), target)).leakage).toEqual([])
  })

  it.each<[string, string, (queue: string, random: () => number, at: number) => Row]>([
    ['value', 'team', (queue) => ({ team: `team of ${queue}` })],
    [
      'range',
      'score',
      (queue, random) => ({ score: `${(topics.indexOf(queue as 'card') * 10 + random() * 9).toFixed(3)}` }),
    ],
    [
      'word',
      'note',
      (queue, random, at) => ({ note: `ticket ${at} came in [q-${queue}] from ${Math.floor(random() * 1e6)}` }),
    ],
    [
      'value',
      'closed',
      (queue, random) => ({ closed: queue === 'card' ? null : `${queue}-${Math.floor(random() * 3)}` }),
    ],
    ['word', 'key', (queue, _random, at) => ({ key: `${queue}/${at}` })],
  ])('suspects a %s of column "%s" that gives the answer away', async (kind, column, extra) => {
    const { leakage, warnings } = await profile(tableFromRows(tickets(2000, extra)), target)
    expect(leakage.length).toBeGreaterThan(0)
    for (const suspect of leakage) {
      expect(suspect).toMatchObject({ target: 'queue', column, kind })
      expect(suspect.strength).toBeGreaterThan(0.9)
    }
    if (kind === 'word')
      expect(leakage.map((suspect) => suspect.token)).toContain(column === 'note' ? '[q-card]' : 'card')
    expect(warnings.some((warning) => warning.startsWith(`Column "${column}" may give "queue" away: `))).toBe(true)
  })

  it('measures suspects on rows the rule was not made from: keys that hardly repeat are none', async () => {
    const rows = tickets(2000, (_queue, random) => ({ visitor: `v${Math.floor(random() * 900)}` }))
    expect((await profile(tableFromRows(rows), target)).leakage).toEqual([])
  })

  it('suspects a number that is the target in other units', async () => {
    const random = randomStream(9)
    const rows = Array.from({ length: 1000 }, () => {
      const price = 100 + random() * 900
      return { price, cents: price * 100 + random(), noise: price + random() * 800, log: Math.log(price) }
    })
    const { leakage } = await profile(tableFromRows(rows), { targets: ['price'] })
    expect(leakage.map((suspect) => suspect.column).sort()).toEqual(['cents', 'log'])
  })

  it('tells the balance of outputs and what cannot be learnt', async () => {
    const rows: Row[] = [
      ...Array.from({ length: 95 }, () => ({ a: 'common', b: 'one' })),
      { a: 'rare', b: 'one' },
      ...Array.from({ length: 4 }, () => ({ a: null, b: 'one' })),
    ]
    const { targets, warnings } = await profile(tableFromRows(rows), { targets: ['a', 'b'] })
    expect(targets[0]).toMatchObject({
      type: 'category',
      missing: 4,
      classCount: 2,
      singles: 1,
      classes: [
        { label: 'common', count: 95 },
        { label: 'rare', count: 1 },
      ],
    })
    expect(warnings.slice(0, 4)).toEqual([
      'Output "a" is missing in 4 rows (4.0 %); they teach the other outputs only.',
      'Output "a" has 1 class with a single row: too few to learn and to measure.',
      'Output "a" is unbalanced: "common" has 95 rows, "rare" 1.',
      'Output "b" has one class only, "one": there is nothing to tell apart.',
    ])
  })

  it('counts duplicates, contradictions and the overlap with a test table', async () => {
    const rows = tickets(200)
    const first = rows[0]!
    const other = first['queue'] === 'card' ? 'loan' : 'card'
    const table = tableFromRows([
      ...rows,
      first,
      { ...first, text: `${String(first['text']).toUpperCase()}!`, queue: other },
    ])
    const test = tableFromRows([
      first,
      { ...rows[1]!, text: `  ${rows[1]!['text']} ` },
      { text: 'another one', age: '3', queue: 'app' },
    ])
    const { duplicates, overlap } = await profile(table, { ...target, test })
    expect(duplicates).toEqual({ exact: 1, normalised: 2, contradicting: 1 })
    expect(overlap).toEqual({ testRows: 3, exact: 1, normalised: 2 })
  })

  it('says when it looked at a sample, drawn by seed', async () => {
    const table = tableFromRows(tickets(5000))
    const sampled = await profile(table, { ...target, sample: 1000 })
    expect([sampled.rows, sampled.looked]).toEqual([5000, 1000])
    expect(renderProfile(sampled)).toContain('a sample of 1,000 rows was looked at')
    expect(await profile(table, { ...target, sample: 1000 })).toEqual(sampled)
  })

  it('is plain JSON, hides contacts, and refuses an unknown target', async () => {
    const rows = tickets(100, () => ({ mail: 'ann@example.org' }))
    const found = await profile(tableFromRows(rows), target)
    expect(JSON.parse(JSON.stringify(found))).toEqual(found)
    expect(JSON.stringify(found) + renderProfile(found)).not.toContain('ann@example.org')
    await expect(profile(tableFromRows(rows), { targets: ['queues'] })).rejects.toMatchObject({
      code: 'missing-column',
      message: expect.stringContaining('"queue"'),
    })
  })

  it('prints for people', async () => {
    const rows: Row[] = Array.from({ length: 60 }, (_, at) => ({
      城市: ['北京', '上海', null][at % 3]!,
      n: at * 1.5,
      text: `hello dear friend number ${at} 😀`,
      label: at % 4 === 0 ? 'no' : 'yes',
    }))
    expect(
      renderProfile(await profile(tableFromRows(rows, 'people.csv'), { targets: ['label'] })),
    ).toMatchInlineSnapshot(`
      "people.csv: 60 rows, 4 columns; all rows were looked at

      column  type      missing  distinct  values
      城市    category  33.3 %   2         上海 20, 北京 20
      n       number    -        60        0 to 88.5, mean 44.25, quartiles 22.13 44.25 66.38
      text    text      -        60        29 to 30 characters, mean 29.83; about 7 words
      label   category  -        2         yes 45, no 15

      output "label": category, 2 classes
        yes       45   75.0 %  ██████████████████████████████
        no        15   25.0 %  ██████████"
    `)
  })

  it('looks through 40,000 rows and 20 columns in seconds', async () => {
    const random = randomStream(1)
    const rows = Array.from({ length: 40_000 }, (_, at) => {
      const row: Row = {
        id: `k${at}`,
        label: random() < 0.3 ? 'yes' : 'no',
        text: `some words about number ${Math.floor(random() * 1e5)} and thing ${Math.floor(random() * 50)}`,
      }
      for (let column = 0; column < 9; column++) row[`n${column}`] = random().toFixed(4)
      for (let column = 0; column < 8; column++) row[`c${column}`] = `value ${Math.floor(random() * 30)}`
      return row
    })
    const started = performance.now()
    await profile(tableFromRows(rows), { targets: ['label'] })
    const seconds = (performance.now() - started) / 1000
    expect(seconds).toBeLessThan(40)
  })

  const mails = '../shared/data/spam_assassin/train.jsonl.gz'
  it.skipIf(!existsSync(mails))(
    'finds that the group and the id of spam_assassin tell the label (skipped where the set is absent)',
    async () => {
      const { leakage } = await profile(await openTable(mails), { targets: ['label'] })
      expect(new Set(leakage.map((suspect) => suspect.column))).toEqual(new Set(['group', 'id']))
    },
  )
})
