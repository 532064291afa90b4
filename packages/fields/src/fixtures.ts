import type { Row } from '@volant/data'

const subjects = {
  billing: ['invoice', 'refund', 'charged twice', 'payment failed', 'receipt for my invoice'],
  delivery: ['parcel', 'tracking number', 'courier never came', 'wrong address', 'late parcel'],
  account: ['password', 'login does not work', 'delete my account', 'change my email', 'two factor code'],
}
const openings = ['Hello, please help:', 'My problem is', 'I need to ask about', 'Again and again', 'Since yesterday']
const closings = ['thanks', 'this is urgent', 'please answer soon', 'best wishes', 'what can I do?']
const plans = ['free', 'pro', 'team']

/** Made-up tickets for tests: the queue follows from the message, minutes from queue and age, urgent from the closing. */
export function tickets(rows: number): Row[] {
  const queues = Object.keys(subjects) as (keyof typeof subjects)[]
  return Array.from({ length: rows }, (_, row) => {
    const queue = queues[row % queues.length]!
    const turn = Math.floor(row / queues.length)
    const words = subjects[queue]
    const closing = closings[(turn * 7 + row) % closings.length]!
    const message = `${openings[turn % openings.length]} ${words[(turn * 3 + row) % words.length]} number ${row * 37}, ${closing}`
    const age = 20 + ((row * 13) % 50)
    return {
      message,
      plan: plans[(row * 5 + turn) % plans.length]!,
      age,
      queue,
      minutes: { billing: 30, delivery: 10, account: 5 }[queue] + age / 10,
      urgent: closing.includes('urgent'),
    }
  })
}
