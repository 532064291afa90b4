import type { Log } from '../log.js'
import type { Consumable, Consumer } from './consumer.js'
import type { Segments } from './segments.js'

const batchRecords = 1000
const batchBytes = 8 << 20

/** Inserts all lines that the database does not have; returns the number for the next file. */
export async function replay(segments: Segments, consumer: Consumer, log: Log): Promise<number> {
  const stored = await consumer.position()
  const numbers = await segments.list()
  if (stored && !numbers.includes(stored.segment)) {
    log.warn(
      { segment: stored.segment },
      'the journal file the database was last fed from is gone; going on with what is there',
    )
  }
  let lines = 0
  for (const segment of numbers) {
    if (stored && segment < stored.segment) continue
    const from = stored?.segment === segment ? Math.min(stored.offset, await segments.size(segment)) : 0
    const cut = await segments.cutTornTail(segment, from)
    if (cut > 0) log.warn({ segment, bytes: cut }, 'cut an unfinished line off the journal')
    for await (const batch of batchesOf(segments, segment, from)) {
      await consumer.consume(batch)
      lines += batch.length
    }
  }
  if (lines > 0) log.info({ lines, rejected: consumer.rejected }, 'inserted what the journal held')
  return Math.max(stored?.segment ?? 0, numbers.at(-1) ?? 0) + 1
}

async function* batchesOf(segments: Segments, segment: number, from: number): AsyncGenerator<Consumable[]> {
  let batch: Consumable[] = []
  let records = 0
  let bytes = 0
  for await (const { entries, text, end } of segments.lines(segment, from)) {
    batch.push({ entries, ...(!entries && { text: text.toString('latin1') }), end: { segment, offset: end } })
    records += entries?.length ?? 1
    bytes += text.length
    if (records < batchRecords && bytes < batchBytes) continue
    yield batch
    batch = []
    records = 0
    bytes = 0
  }
  if (batch.length > 0) yield batch
}
