import { describe, expect, it } from 'vitest'
import { loadTickets } from '../corpus/index.js'
import { aligned, displayWidth } from './columns.js'
import { channelOf, planOf, sizes } from './plan.js'
import type { Story } from './result.js'
import { chart, closingScreen } from './screen.js'
import { wordsOf } from './words.js'

const story: Story = {
  project: 'helpdesk',
  points: [
    { iteration: 0, labels: 100, accuracy: 0.25, interval: [0.2, 0.3] },
    { iteration: 1, labels: 250, accuracy: 0.65, interval: [0.6, 0.7] },
  ],
  random: [0.55, 0.57],
  withoutSender: 0.6,
  spoiled: {
    id: 'i',
    number: 2,
    state: 'done',
    reason: null,
    run: 'r',
    dataset: 'd',
    champion: 'a',
    candidate: 'b',
    decision: 'set-aside',
    labels: { new: 150, used: 300, rows: 400, disagreements: 0 },
    gate: { rows: 650, outputs: {}, difference: -0.09, interval: [-0.12, -0.06] },
    accuracy: null,
    explanation: null,
    createdAt: '',
    endedAt: null,
  },
  coverage: { share: 0.4, threshold: 0.8 },
  spam: { metric: 'rocAuc', value: 0.99 },
  channels: [{ name: 'widget', mails: 300, alone: 0.4, right: 0.96, accuracy: 0.7, minutes: 240, money: 120 }],
}

describe('the plan', () => {
  const plan = planOf(loadTickets())
  const withQueue = (tickets: { queue: string | null }[]) => tickets.filter(({ queue }) => queue).length

  it('starts with the first 100 mails that have a queue and freezes the latest 650', () => {
    expect(withQueue(plan.cold)).toBe(100)
    expect(withQueue(plan.later)).toBe(sizes.later)
    expect(plan.windows).toHaveLength(3)
    const parts = [plan.cold, ...plan.windows, plan.later]
    const bounds = parts.map((part) => [part[0]?.time ?? '', part.at(-1)?.time ?? ''])
    for (let i = 1; i < bounds.length; i++) expect((bounds[i]?.[0] ?? '') >= (bounds[i - 1]?.[1] ?? '')).toBe(true)
    expect(new Set(parts.flat()).size).toBe(parts.flat().length)
  })

  it('has a queue that the cold model has never seen', () => {
    const known = new Set(plan.cold.map(({ queue }) => queue))
    expect(known.has('Curiosities')).toBe(false)
    expect(plan.windows.flat().some(({ queue }) => queue === 'Curiosities')).toBe(true)
  })

  it('gives both channels a fair part of the mails', () => {
    const widget = plan.later.filter((ticket) => channelOf(ticket) === 'widget').length / plan.later.length
    expect(widget).toBeGreaterThan(0.3)
    expect(widget).toBeLessThan(0.7)
  })
})

describe('the closing screen', () => {
  it('draws the interval on the bar of its accuracy', () => {
    const [cold] = chart(story.points, wordsOf('en'), 60)
    expect(cold).toBe('  cold         100 labels  25.0 %  ████├●┤·············')
  })

  it.each(['en', 'zh'] as const)('says every figure in %s, within the width', (language) => {
    const lines = closingScreen(story, wordsOf(language), {
      address: 'http://127.0.0.1:4600/#/helpdesk',
      width: 100,
      seconds: 190,
    })
    const text = lines.join('\n')
    for (const figure of [
      '+40.0',
      '65.0 %',
      '56.0 %',
      '+5.0',
      '−9.0',
      '40.0 %',
      '1,200',
      '0.990',
      '96.0 %',
      '4600/#/helpdesk',
    ])
      expect(text).toContain(figure)
    expect(lines.filter((line) => displayWidth(line) > 100)).toEqual([])
  })

  it('aligns Chinese, which takes two columns a character', () => {
    expect(
      aligned([
        ['渠道', '1'],
        ['a', '23'],
      ]),
    ).toEqual(['渠道   1', 'a     23'])
  })
})
