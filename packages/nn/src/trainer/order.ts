import { Random } from '../random.js'

export interface OrderSettings {
  readonly rows: number
  readonly batchSize: number
  /** Batches whose gradients are summed for one update. */
  readonly accumulate: number
  readonly seed: number
  /** Length of a row, for batches of rows of like length. */
  readonly length?: (row: number) => number
}

/** The rows of one update: its batches. */
export type StepRows = readonly Int32Array[]

/** Rows of like length are sought among this many batches, so that order stays mostly random. */
const POOL = 50

export function stepsPerEpoch({ rows, batchSize, accumulate }: OrderSettings): number {
  return Math.ceil(Math.ceil(rows / batchSize) / accumulate)
}

/**
 * The updates of an epoch, each row once, in an order that depends on seed and epoch alone. With lengths, the shuffled rows are
 * sorted within pools, cut into batches, and the batches shuffled: little padding, yet another order in every epoch.
 */
export function epochOrder(settings: OrderSettings, epoch: number): StepRows[] {
  const { rows, batchSize, accumulate, seed, length } = settings
  const random = new Random(seed, `order/${epoch}`)
  const order = random.permutation(rows)
  if (length) sortWithinPools(order, POOL * batchSize, length)
  const batches = cut(order, batchSize)
  if (length) random.shuffle(batches)
  return Array.from({ length: Math.ceil(batches.length / accumulate) }, (_, i) =>
    batches.slice(i * accumulate, (i + 1) * accumulate),
  )
}

function sortWithinPools(order: Int32Array, size: number, length: (row: number) => number): void {
  for (let from = 0; from < order.length; from += size)
    order.set(
      order.slice(from, from + size).sort((a, b) => length(a) - length(b) || a - b),
      from,
    )
}

function cut(order: Int32Array, size: number): Int32Array[] {
  return Array.from({ length: Math.ceil(order.length / size) }, (_, i) => order.slice(i * size, (i + 1) * size))
}
