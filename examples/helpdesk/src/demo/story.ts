import type { Evaluation, Iteration, VolantClient } from '@volant/client'
import { shuffledIndices } from '@volant/data'
import type { Ticket } from '../corpus/index.js'
import { accuracyOf, Desk, type InputName, type Routed, worth } from './desk.js'
import { type ChannelName, channelNames, channelOf, type Plan, sizes } from './plan.js'
import type { ChannelResult, Point, Story } from './result.js'
import type { Steps } from './steps.js'
import type { Words } from './words.js'

export interface Telling {
  owner: VolantClient
  plan: Plan
  words: Words
  steps: Steps
  signal: AbortSignal
}

const everything: InputName[] = ['text', 'sender']

/** The four steps of the demo, over HTTP only. `project` is the id of the help desk; the comparisons get ids after it. */
export async function tellStory(project: string, telling: Telling): Promise<Story> {
  const { owner, plan, words, steps, signal } = telling
  steps.title(words.coldTitle)
  const desk = await Desk.open(owner, project, words.deskName, everything, plan.later, signal)
  const cold = await steps.run(words.trainCold(plan), (progress) => desk.train(plan.cold, everything, progress))
  await desk.project.deploy({ champion: cold.version })
  const points: Point[] = [{ iteration: 0, labels: sizes.cold, ...named(cold) }]
  steps.say(words.coldAccuracy(points[0] as Point, plan.later.length))
  steps.say(words.channelsSimulated)

  const taught: Routed[] = []
  const perWindow: number[] = []
  for (const [i, window] of plan.windows.entries()) {
    steps.title(words.iterationTitle(i + 1, sizes.iterations))
    await steps.run(words.receive(window.length), (progress) => desk.receive(window, progress))
    const asked = await desk.unsure(sizes.asked)
    await desk.answer(asked)
    const labelled = asked.filter(({ ticket }) => ticket.queue)
    steps.say(words.asked(asked.length, labelled.length))
    taught.push(...asked)
    perWindow.push(labelled.length)
    const iteration = await steps.run(words.improve, (progress) => desk.improve(progress))
    steps.say(words.decision(iteration))
    points.push(pointAfter(points, iteration, sizes.cold + taught.filter(({ ticket }) => ticket.queue).length))
  }

  steps.title(words.spoiledTitle)
  const spoiled = await spoil(desk, telling)

  steps.title(words.compareTitle)
  const random = await drawAtRandom(project, perWindow, telling)
  const withoutSender = await leaveSenderOut(project, taught, telling)
  const champion = await desk.project.evaluate((await desk.project.endpoint()).champion)
  const coverage = champion.coverage['queue'] ?? { share: 0, threshold: 1 }
  const later = await steps.run(words.receiveLater(plan.later.length), (progress) => desk.receive(plan.later, progress))
  const channels = channelNames.map((name) => channelResult(name, later, coverage.threshold))
  return { project, points, random, withoutSender, spoiled, coverage, spam: spamOf(champion), channels }
}

const spoiledSeed = 7

/** A batch of feedback whose labels were shuffled among its mails. Only this function knows. */
async function spoil(desk: Desk, { words, steps }: Telling): Promise<Iteration> {
  const batch = inRandomOrder(desk.unlabelled(), spoiledSeed).slice(0, sizes.spoiled)
  const labels = inRandomOrder(batch, spoiledSeed + 1).map(({ ticket }) => ticket.queue)
  const wrong = new Map(batch.map(({ ticket }, i) => [ticket, labels[i] ?? null]))
  await desk.answer(batch, (ticket) => wrong.get(ticket) ?? null)
  steps.say(words.spoiled(batch.length, batch.filter(({ ticket }) => wrong.get(ticket) !== ticket.queue).length))
  const iteration = await steps.run(words.improve, (progress) => desk.improve(progress))
  steps.say(words.decision(iteration))
  return iteration
}

/** The same number of labels a window, but of mails drawn at random: accuracy of each draw. */
async function drawAtRandom(
  project: string,
  perWindow: readonly number[],
  { owner, plan, words, steps, signal }: Telling,
) {
  const desk = await Desk.open(owner, `${project}-random`, words.randomName, everything, plan.later, signal)
  const accuracies: number[] = []
  for (let draw = 1; draw <= sizes.draws; draw++) {
    const drawn = new Set<Ticket>()
    for (const [i, count] of perWindow.entries()) {
      const arrived = plan.windows
        .slice(0, i + 1)
        .flat()
        .filter((ticket) => ticket.queue && !drawn.has(ticket))
      for (const ticket of inRandomOrder(arrived, draw).slice(0, count)) drawn.add(ticket)
    }
    const tickets = [...plan.cold, ...drawn]
    const evaluation = await steps.run(words.trainRandom(draw, sizes.draws), (progress) =>
      desk.train(tickets, everything, progress),
    )
    accuracies.push(accuracyOf(evaluation).value)
  }
  return accuracies
}

/** The labels the loop chose, learnt without the sender. */
async function leaveSenderOut(
  project: string,
  taught: readonly Routed[],
  { owner, plan, words, steps, signal }: Telling,
) {
  const inputs: InputName[] = ['text']
  const desk = await Desk.open(owner, `${project}-no-sender`, words.noSenderName, inputs, plan.later, signal)
  const tickets = [...plan.cold, ...taught.map(({ ticket }) => ticket)]
  const evaluation = await steps.run(words.trainNoSender, (progress) => desk.train(tickets, inputs, progress))
  return accuracyOf(evaluation).value
}

function pointAfter(points: readonly Point[], { number, decision, accuracy }: Iteration, labels: number): Point {
  const before = points.at(-1) as Point
  const queue = accuracy?.['queue']
  if (decision !== 'promoted' || !queue) return { ...before, iteration: number }
  return { iteration: number, labels, accuracy: queue.value, interval: queue.interval }
}

function named(evaluation: Evaluation): { accuracy: number; interval: [number, number] } {
  const { value, interval } = accuracyOf(evaluation)
  return { accuracy: value, interval }
}

function spamOf({ metrics, primary }: Evaluation): { metric: string; value: number } {
  const metric = primary['spam'] ?? 'rocAuc'
  return { metric, value: metrics['spam']?.[metric] ?? Number.NaN }
}

function channelResult(name: ChannelName, later: readonly Routed[], threshold: number): ChannelResult {
  const mails = later.filter(({ ticket }) => ticket.queue && channelOf(ticket) === name)
  const isRight = ({ ticket, prediction }: Routed) => prediction.outputs['queue']?.value === ticket.queue
  const alone = mails.filter(({ prediction }) => (prediction.outputs['queue']?.probability ?? 0) >= threshold)
  const minutes = alone.length * worth.minutesPerItem
  return {
    name,
    mails: mails.length,
    alone: alone.length / mails.length,
    right: alone.filter(isRight).length / alone.length,
    accuracy: mails.filter(isRight).length / mails.length,
    minutes,
    money: (minutes / 60) * worth.costPerHour,
  }
}

function inRandomOrder<T>(items: readonly T[], seed: number): T[] {
  return Array.from(shuffledIndices(items.length, seed), (at) => items[at] as T)
}
