import { queues } from '../corpus/queues.js'
import { aligned, displayWidth, padded } from './columns.js'
import { worth } from './desk.js'
import { sizes } from './plan.js'
import { factsOf, type Point, type Story } from './result.js'
import type { Words } from './words.js'

/** The closing screen, line by line. */
export function closingScreen(
  story: Story,
  words: Words,
  { address, width, seconds, again }: { address: string; width: number; seconds: number; again?: string },
): string[] {
  const rule = '─'.repeat(Math.min(width, 100))
  const facts = words.facts(story, factsOf(story))
  const labelWidth = Math.max(...facts.map(([name]) => displayWidth(name)))
  return [
    rule,
    ...words.screenTitle(sizes.later, seconds),
    '',
    ...chart(story.points, words, width),
    '',
    ...facts.map(([name, value]) => `  ${padded(name, labelWidth + 2)}${value}`),
    '',
    `  ${words.channelsTitle}`,
    ...aligned([words.channelColumns(worth.currency), ...story.channels.map(words.channelRow)]).map(
      (line) => `    ${line}`,
    ),
    '',
    `  ${words.page(address, again)}`,
    rule,
  ]
}

/** The lists behind the queues, for the start of the demo. */
export function queueTable(words: Words): string[] {
  return aligned(queues.map((queue) => [words.queueName(queue), words.standsFor(queue.list)]))
}

/** Accuracy by iteration, a bar each, with the 95 % interval drawn on it: `█████├─●─┤`. */
export function chart(points: readonly Point[], words: Words, width: number): string[] {
  const heads = points.map(({ iteration, labels, accuracy }) => [
    words.pointName(iteration),
    words.labels(labels),
    `${(accuracy * 100).toFixed(1)} %`,
  ])
  const room = Math.max(20, Math.min(60, width - 40))
  return aligned(heads).map((head, i) => `  ${head}  ${bar(points[i] as Point, room)}`)
}

function bar({ accuracy, interval: [low, high] }: Point, room: number): string {
  const at = (share: number) => Math.round(Math.min(Math.max(share, 0), 1) * (room - 1))
  const cells = Array.from({ length: room }, (_, x): string =>
    x < at(low) ? '█' : x < at(high) ? '─' : x === at(high) ? '┤' : '·',
  )
  cells[at(low)] = '├'
  cells[at(accuracy)] = '●'
  return cells.join('')
}
