import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { VolantClient } from '@volant/client'
import { shuffledIndices } from '@volant/data'
import { startServer } from '@volant/server'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { loadTickets, type Ticket } from '../corpus/index.js'
import { queues } from '../corpus/queues.js'
import { accuracyOf, Desk, type InputName } from './desk.js'

const inputs: InputName[] = ['text', 'sender']
const signal = new AbortController().signal
const quiet = () => {}
const sizes = { known: 160, batch: 200, later: 500 }
const shares = [0, 0.2, 0.4, 0.6]

/** A small help desk: mails in random order, cut short, so that eight trainings take seconds. */
const tickets = loadTickets().map((ticket) => ({ ...ticket, text: ticket.text.slice(0, 400) }))
const take = (spam: boolean, from: number, count: number): Ticket[] => {
  const kind = tickets.filter((ticket) => ticket.spam === spam)
  return Array.from(shuffledIndices(kind.length, 5).subarray(from, from + count), (at) => kind[at] as Ticket)
}
const known = [...take(false, 0, sizes.known), ...take(true, 0, 40)]
const batch = take(false, sizes.known, sizes.batch)
const later = [...take(false, sizes.known + sizes.batch, sizes.later), ...take(true, 40, 60)]

/** The first `share` of the batch gets the label of another queue. */
function labelsWith(share: number): Map<Ticket, string> {
  const places = shuffledIndices(batch.length, 11)
  return new Map(
    batch.map((ticket, i) => {
      const right = queues.findIndex(({ label }) => label === ticket.queue)
      const shift = i < share * batch.length ? 1 + ((places[i] ?? 0) % (queues.length - 1)) : 0
      return [ticket, queues[(right + shift) % queues.length]?.label ?? '']
    }),
  )
}

/** A help desk of its own gets a batch of feedback with a share of wrong labels; what the gate made of it. */
async function spoil(owner: VolantClient, share: number) {
  const labels = labelsWith(share)
  const desk = await Desk.open(owner, `spoiled-${share * 100}`, `${share * 100} % spoiled`, inputs, later, signal)
  const champion = await desk.train(known, inputs, quiet)
  await desk.project.deploy({ champion: champion.version })
  await desk.answer(await desk.receive(batch, quiet), (ticket) => labels.get(ticket) ?? null)
  const { gate, decision, candidate } = await desk.improve(quiet)
  const after = await desk.project.evaluate(candidate ?? '')
  const [low, high] = gate?.interval ?? [Number.NaN, Number.NaN]
  const measured = accuracyOf(after).value - accuracyOf(champion).value
  return { share, decision, low, high, difference: gate?.outputs['queue']?.difference ?? Number.NaN, measured }
}

describe('the gate, as a growing share of a batch of feedback is spoiled', () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'volant-spoiled-'))
  let server: Awaited<ReturnType<typeof startServer>>
  let owner: VolantClient

  beforeAll(async () => {
    server = await startServer({ port: 0, dataFolder: folder, logger: false })
    owner = new VolantClient({ url: server.url })
  })
  afterAll(async () => {
    await server?.close()
    fs.rmSync(folder, { recursive: true, force: true })
  })

  it('decides by the measured difference alone', async () => {
    const outcomes = await Promise.all(shares.map((share) => spoil(owner, share)))
    for (const { decision, low, high, difference, measured } of outcomes) {
      expect(difference).toBeCloseTo(measured, 6)
      expect(decision).toBe(low > 0 ? 'promoted' : high < 0 ? 'set-aside' : 'kept')
    }
    const differences = outcomes.map(({ difference }) => difference)
    expect(differences).toEqual([...differences].sort((a, b) => b - a))
    expect(outcomes[0]?.decision).toBe('promoted')
    expect(outcomes.at(-1)?.decision).not.toBe('promoted')
  }, 900_000)
})
