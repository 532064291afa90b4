import type { Iteration } from '@volant/client'
import { worth } from './desk.js'
import type { ChannelName } from './plan.js'

export interface Point {
  /** 0 = the cold model. */
  iteration: number
  /** Mails with a queue label that the champion has learnt from. */
  labels: number
  accuracy: number
  interval: [number, number]
}

/** What one channel's later mails would have been, routed by the champion. */
export interface ChannelResult {
  name: ChannelName
  mails: number
  /** Share the champion is sure enough of to route alone. */
  alone: number
  /** Share of those that were right. */
  right: number
  accuracy: number
  minutes: number
  money: number
}

/** Everything the closing screen shows. */
export interface Story {
  project: string
  points: Point[]
  random: number[]
  withoutSender: number
  spoiled: Iteration
  coverage: { share: number; threshold: number }
  spam: { metric: string; value: number }
  channels: ChannelResult[]
}

/** Figures that are computed from others, once. */
export interface Facts {
  after: number
  before: number
  random: number
  senderLift: number
  perMonth: { mails: number; hours: number; money: number }
}

export function factsOf({ points, random, withoutSender, coverage }: Story): Facts {
  const after = points.at(-1)?.accuracy ?? 0
  const mails = Math.round(worth.itemsPerMonth * coverage.share)
  const hours = (mails * worth.minutesPerItem) / 60
  return {
    after,
    before: points[0]?.accuracy ?? 0,
    random: random.reduce((sum, accuracy) => sum + accuracy, 0) / random.length,
    senderLift: after - withoutSender,
    perMonth: { mails, hours, money: hours * worth.costPerHour },
  }
}
