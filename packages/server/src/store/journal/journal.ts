import path from 'node:path'
import { VolantError } from '@volant/data'
import { type Log, silent } from '../log.js'
import type { Store } from '../store.js'
import { Consumer, type JournalKind } from './consumer.js'
import { encodeLine, type JournalEntry, type JournalRecord } from './lines.js'
import { replay } from './replay.js'
import { type Position, Segments } from './segments.js'
import { JournalWriter } from './writer.js'

export interface JournalOptions {
  store: Store
  kinds: Readonly<Record<string, JournalKind>>
  log?: Log
  /** Default 64 MB. */
  segmentBytes?: number
  /** Largest total of files that are kept, for a restore, until a backup has them; default 1 GB. */
  keepBytes?: number
  /** How much may wait for the database before new records wait for room or are refused; default 256 MB. */
  waitingBytes?: number
}

export interface Appended {
  /** The same id (of the same kind) is waiting for the database; `record` is then that one. */
  duplicate: boolean
  record: JournalRecord
}

/** One append on its way into the database. */
interface Waiting {
  entries: JournalEntry[]
  bytes: number
  end: Position
  acknowledged: boolean
  safe: Promise<void>
}

const batchRecords = 1000
const batchBytes = 8 << 20
/** Few records wait this long for company. */
const gatherMs = 25
const syncEveryMs = 200
/** How long a record waits for room while the database is slow. */
const roomMs = 5000

/**
 * What must not be lost is first appended to a file here, then inserted into the database in batches by one consumer.
 * The position in the files is stored in the database in the same transaction, so each line gets there once; after a
 * crash the rest is inserted before `open` answers.
 */
export class Journal {
  readonly #known = new Map<string, Map<string, { record: JournalRecord; waiting: Waiting }>>()
  #queue: Waiting[] = []
  #queuedBytes = 0
  #consuming: Promise<void> | undefined
  #consumed: Position
  #flushes: { end: Position; resolve(): void; reject(error: Error): void }[] = []
  #wake: () => void = () => {}
  #closed = false
  #lastError: string | undefined

  private constructor(
    readonly options: Required<Pick<JournalOptions, 'store' | 'kinds' | 'log' | 'keepBytes' | 'waitingBytes'>>,
    readonly segments: Segments,
    readonly writer: JournalWriter,
    readonly consumer: Consumer,
  ) {
    this.#consumed = writer.position
  }

  /** Inserts what an earlier process left, then takes new records. */
  static async open(options: JournalOptions): Promise<Journal> {
    const {
      store,
      kinds,
      log = silent,
      segmentBytes = 64 << 20,
      keepBytes = 1 << 30,
      waitingBytes = 256 << 20,
    } = options
    const segments = await Segments.open(path.join(store.folder, 'journal'))
    const consumer = new Consumer(store, kinds)
    const next = await replay(segments, consumer, log)
    const onError = (error: Error): void => log.error({ err: error }, 'journal')
    const writer = await JournalWriter.open(segments, next, { segmentBytes, syncEveryMs, onError })
    await consumer.moveTo(writer.position)
    const journal = new Journal({ store, kinds, log, keepBytes, waitingBytes }, segments, writer, consumer)
    // A backup holds all that was consumed before it began.
    store.backups?.around(() => {
      const { segment } = journal.#consumed
      return () => journal.#removeBelow(segment)
    })
    await journal.#removeOld()
    return journal
  }

  /**
   * Appends records, all or none, and resolves when they are safe (see `JournalKind.durable`). A record whose id waits
   * already is not written again. While the database is slow, senders are held back to its pace. Throws `disk-full`,
   * `journal-behind` (the database takes nothing; try later), `journal-broken`, `journal-closed`.
   */
  async append(entries: readonly JournalEntry[]): Promise<Appended[]> {
    await this.#room()
    const fresh: JournalEntry[] = []
    const waitFor = new Set<Promise<void>>()
    const waiting: Waiting = {
      entries: fresh,
      bytes: 0,
      end: this.#consumed,
      acknowledged: false,
      safe: Promise.resolve(),
    }
    const answers = entries.map((entry): Appended => {
      const known = this.#of(entry.kind)
      const before = known.get(entry.record.id)
      if (before) {
        waitFor.add(before.waiting.safe)
        return { duplicate: true, record: before.record }
      }
      known.set(entry.record.id, { record: entry.record, waiting })
      fresh.push(entry)
      return { duplicate: false, record: entry.record }
    })
    waitFor.delete(waiting.safe)
    if (fresh.length > 0) waitFor.add(this.#write(waiting))
    await Promise.all(waitFor)
    return answers
  }

  /** A record that was acknowledged and is not in the database yet. Look here first, then there. */
  find(kind: string, id: string): JournalRecord | undefined {
    const known = this.#of(kind).get(id)
    return known?.waiting.acknowledged ? known.record : undefined
  }

  /** All records of a kind that were acknowledged and are not in the database yet. */
  waiting(kind: string): JournalRecord[] {
    return [...this.#of(kind).values()].filter(({ waiting }) => waiting.acknowledged).map(({ record }) => record)
  }

  /** Resolves when all that was acknowledged before is in the database. Throws `journal-behind` after `timeoutMs`. */
  async flush(timeoutMs = 30_000): Promise<void> {
    const last = this.#queue.at(-1)
    if (!last) return
    await new Promise<void>((resolve, reject) => {
      const flush = { end: last.end, resolve, reject }
      const timer = setTimeout(() => {
        this.#flushes = this.#flushes.filter((other) => other !== flush)
        reject(this.#behind())
      }, timeoutMs)
      flush.resolve = () => {
        clearTimeout(timer)
        resolve()
      }
      flush.reject = (error) => {
        clearTimeout(timer)
        reject(error)
      }
      this.#flushes.push(flush)
      this.#wake()
    })
  }

  stats(): { waiting: number; waitingBytes: number; rejected: number; lastError: string | undefined } {
    const waiting = this.#queue.reduce((sum, { entries }) => sum + entries.length, 0)
    return { waiting, waitingBytes: this.#queuedBytes, rejected: this.consumer.rejected, lastError: this.#lastError }
  }

  /** Inserts what waits, for at most `timeoutMs` (the rest is inserted at the next start), and closes the files. */
  async close(timeoutMs = 10_000): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    await this.flush(timeoutMs).catch((error: Error) =>
      this.options.log.warn({ err: error }, 'the journal holds records for the next start'),
    )
    await this.#consuming
    await this.writer.close()
  }

  #of(kind: string): Map<string, { record: JournalRecord; waiting: Waiting }> {
    let known = this.#known.get(kind)
    if (!known) {
      if (!Object.hasOwn(this.options.kinds, kind)) throw new Error(`No journal kind is called "${kind}".`)
      known = new Map()
      this.#known.set(kind, known)
    }
    return known
  }

  #write(waiting: Waiting): Promise<void> {
    const { entries } = waiting
    const line = encodeLine(entries)
    const durable = entries.some(({ kind }) => this.options.kinds[kind]!.durable)
    waiting.bytes = line.length
    waiting.safe = this.writer
      .append(line, durable, (end) => this.#enqueue(waiting, end))
      .then(
        () => {
          waiting.acknowledged = true
        },
        (error) => {
          this.#forgetIds(waiting)
          throw error
        },
      )
    return waiting.safe
  }

  /** Called in the order of the file. */
  #enqueue(waiting: Waiting, end: Position): void {
    waiting.end = end
    this.#queue.push(waiting)
    this.#queuedBytes += waiting.bytes
    this.#consuming ??= this.#consume().finally(() => {
      this.#consuming = undefined
    })
  }

  async #consume(): Promise<void> {
    let failures = 0
    while (this.#queue.length > 0) {
      if (this.#flushes.length === 0 && this.#queue.length < batchRecords) await this.#pause(gatherMs)
      const batch = this.#nextBatch()
      try {
        await this.consumer.consume(batch)
        failures = 0
        this.#lastError = undefined
        await this.#forget(batch)
      } catch (error) {
        this.#lastError = (error as Error).message
        if (failures++ === 0)
          this.options.log.warn({ err: error }, 'the database takes no records; they wait in the journal')
        if (this.#closed) return this.#giveUp()
        await this.#pause(Math.min(5000, 100 * 2 ** failures))
      }
    }
  }

  #nextBatch(): Waiting[] {
    let count = 0
    for (
      let records = 0, bytes = 0;
      count < this.#queue.length && records < batchRecords && bytes < batchBytes;
      count++
    ) {
      records += this.#queue[count]!.entries.length
      bytes += this.#queue[count]!.bytes
    }
    return this.#queue.slice(0, count)
  }

  async #forget(batch: Waiting[]): Promise<void> {
    this.#queue.splice(0, batch.length)
    for (const waiting of batch) {
      this.#queuedBytes -= waiting.bytes
      this.#forgetIds(waiting)
    }
    const { segment } = this.#consumed
    this.#consumed = batch.at(-1)!.end
    const reached = this.#flushes.filter(({ end }) => !isAfter(end, this.#consumed))
    this.#flushes = this.#flushes.filter(({ end }) => isAfter(end, this.#consumed))
    for (const { resolve } of reached) resolve()
    if (this.#consumed.segment !== segment) await this.#removeOld()
  }

  #forgetIds({ entries }: Waiting): void {
    for (const { kind, record } of entries) this.#of(kind).delete(record.id)
  }

  #giveUp(): void {
    for (const { reject } of this.#flushes.splice(0)) reject(this.#behind())
  }

  /** Removes consumed files that no restore needs: a backup holds them, or there are no backups, or they are too many. */
  async #removeOld(): Promise<void> {
    if (!this.options.store.backups) return await this.#removeBelow(this.#consumed.segment)
    let kept = 0
    for (const segment of (await this.segments.list()).reverse()) {
      if (segment >= this.#consumed.segment) continue
      kept += await this.segments.size(segment)
      if (kept > this.options.keepBytes) await this.segments.remove(segment)
    }
  }

  async #removeBelow(segment: number): Promise<void> {
    for (const old of await this.segments.list()) if (old < segment) await this.segments.remove(old)
  }

  async #pause(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms)
      this.#wake = () => {
        clearTimeout(timer)
        resolve()
      }
    })
    this.#wake = () => {}
  }

  /** Resolves when there is room for more. Refuses at once when the database fails, after a while when it is slow. */
  async #room(): Promise<void> {
    const since = Date.now()
    for (;;) {
      if (this.#closed) throw new VolantError('journal-closed', 'The server is stopping.', { retryAfter: 5 })
      if (this.#queuedBytes < this.options.waitingBytes) return
      if (this.#lastError !== undefined || Date.now() - since > roomMs) throw this.#behind()
      await new Promise((resolve) => setTimeout(resolve, gatherMs))
    }
  }

  #behind(): VolantError {
    const { waiting, lastError } = this.stats()
    const sentence = `${waiting} records wait for the database (${lastError ?? 'it is slow'}). Try again later.`
    return new VolantError('journal-behind', sentence, { waiting, retryAfter: 5 })
  }
}

function isAfter(position: Position, other: Position): boolean {
  return position.segment > other.segment || (position.segment === other.segment && position.offset > other.offset)
}
