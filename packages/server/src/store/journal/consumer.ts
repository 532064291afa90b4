import { type Kysely, sql, type Transaction } from 'kysely'
import type { Store } from '../store.js'
import type { Tables } from '../tables.js'
import type { JournalEntry, JournalRecord } from './lines.js'
import type { Position } from './segments.js'

/** What becomes of one kind of record. */
export interface JournalKind {
  /** true: on the disk (fdatasync) before the answer. false: in the file before the answer, on the disk within 200 ms. */
  readonly durable: boolean
  /**
   * Inserts records, in the order they were appended, with the transaction. Rows that are there already are left as they
   * are: clients may send an id twice.
   */
  insert(trx: Transaction<Tables>, records: JournalRecord[]): Promise<void>
}

/** A line on its way to the database; `entries` is undefined for a damaged one. */
export interface Consumable {
  entries: readonly JournalEntry[] | undefined
  text?: string
  end: Position
}

/** Puts journal lines into the database, each batch in one transaction with the position behind it. */
export class Consumer {
  rejected = 0

  constructor(
    readonly store: Store,
    readonly kinds: Readonly<Record<string, JournalKind>>,
  ) {}

  async position(): Promise<Position | undefined> {
    const row = await this.store.db
      .selectFrom('journal_offsets')
      .select(['segment', 'position'])
      .where('journal', '=', this.store.id)
      .executeTakeFirst()
    return row && { segment: Number(row.segment), offset: Number(row.position) }
  }

  /**
   * Inserts a batch. When the database refuses it for what is in it, the halves are tried, down to the one record that
   * is at fault: that one goes to `journal_rejected`. Other errors (the database is away) are thrown.
   */
  async consume(batch: readonly Consumable[]): Promise<void> {
    if (batch.length === 0) return
    try {
      await this.#insertAll(batch)
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (batch.length === 1) return await this.#insertEach(batch[0]!)
      const middle = batch.length >> 1
      await this.consume(batch.slice(0, middle))
      await this.consume(batch.slice(middle))
    }
  }

  async #insertAll(batch: readonly Consumable[]): Promise<void> {
    const byKind = new Map<string, JournalRecord[]>()
    for (const { entries } of batch) {
      if (!entries) throw new RangeError('The line was damaged on the disk.')
      for (const { kind, record } of entries) {
        const records = byKind.get(kind)
        if (records) records.push(record)
        else byKind.set(kind, [record])
      }
    }
    await this.store.db.transaction().execute(async (trx) => {
      for (const [kind, records] of byKind) await this.#insert(trx, kind, records)
      await this.moveTo(batch.at(-1)!.end, trx)
    })
  }

  async #insertEach({ entries, text, end }: Consumable): Promise<void> {
    await this.store.db.transaction().execute(async (trx) => {
      if (!entries) await this.#reject(trx, 'damaged', text ?? '', 'The line was damaged on the disk.')
      for (const { kind, record } of entries ?? []) {
        await sql`savepoint one`.execute(trx)
        try {
          await this.#insert(trx, kind, [record])
          await sql`release savepoint one`.execute(trx)
        } catch (error) {
          if (!isRefusal(error)) throw error
          await sql`rollback to savepoint one`.execute(trx)
          await this.#reject(trx, kind, JSON.stringify(record), (error as Error).message)
        }
      }
      await this.moveTo(end, trx)
    })
  }

  async #insert(trx: Transaction<Tables>, kind: string, records: JournalRecord[]): Promise<void> {
    if (!Object.hasOwn(this.kinds, kind)) throw new RangeError(`No part of this version takes "${kind}".`)
    await this.kinds[kind]!.insert(trx, records)
  }

  async #reject(trx: Transaction<Tables>, kind: string, record: string, reason: string): Promise<void> {
    await trx
      .insertInto('journal_rejected')
      .values({ kind, record: record.replaceAll('\0', '\uFFFD'), reason: reason.replaceAll('\0', '\uFFFD') })
      .execute()
    this.rejected++
  }

  async moveTo({ segment, offset }: Position, db: Kysely<Tables> = this.store.db): Promise<void> {
    const position = { segment: String(segment), position: String(offset) }
    await db
      .insertInto('journal_offsets')
      .values({ journal: this.store.id, ...position })
      .onConflict((conflict) => conflict.column('journal').doUpdateSet(position))
      .execute()
  }
}

/** True when the content of the batch is at fault: data and constraint errors of SQL, or a mistake in `insert`. */
function isRefusal(error: unknown): boolean {
  if (error instanceof TypeError || error instanceof RangeError || error instanceof SyntaxError) return true
  return /^(21|22|23|54|P0)...$/.test(String((error as { code?: unknown }).code))
}
