import type { Ticket } from '../corpus/index.js'

/** How the corpus is told as a story, in time order. */
export interface Plan {
  /** Labelled from the start: the first mails with a queue, and as much spam that came before the last of them. */
  cold: Ticket[]
  /** What arrives before each iteration, spam included. */
  windows: Ticket[][]
  /** The frozen set: all that was delivered after the windows. */
  later: Ticket[]
}

export const sizes = {
  /** Mails with a queue label at the start. */
  cold: 100,
  /** Mails with a queue in the frozen set. */
  later: 650,
  /** Mails asked about in each iteration. */
  asked: 120,
  iterations: 3,
  /** Mails in the spoiled batch. */
  spoiled: 150,
  /** Random draws to compare with. */
  draws: 3,
}

export function planOf(tickets: readonly Ticket[]): Plan {
  const routed = tickets.flatMap((ticket, at) => (ticket.queue ? [at] : []))
  const firstWindow = (routed[sizes.cold - 1] ?? 0) + 1
  const later = routed[routed.length - sizes.later] ?? tickets.length
  const arrived = tickets.slice(0, firstWindow)
  const spam = arrived.filter((ticket) => ticket.spam).slice(-sizes.cold)
  const between = routed.filter((at) => at >= firstWindow && at < later)
  const edges = Array.from({ length: sizes.iterations + 1 }, (_, i) =>
    i === sizes.iterations ? later : (between[Math.round((i * between.length) / sizes.iterations)] ?? later),
  )
  edges[0] = firstWindow
  return {
    cold: arrived.filter((ticket) => ticket.queue || spam.includes(ticket)),
    windows: edges.slice(1).map((edge, i) => tickets.slice(edges[i], edge)),
    later: tickets.slice(later),
  }
}

export const channelNames = ['widget', 'partner'] as const
export type ChannelName = (typeof channelNames)[number]

/** Which channel a mail is played through: senders in .com domains write through the widget, all others through the partner. */
export function channelOf(ticket: Ticket): ChannelName {
  return ticket.sender.endsWith('.com') ? 'widget' : 'partner'
}
