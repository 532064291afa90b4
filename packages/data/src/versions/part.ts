import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { VolantError, writeError } from '../errors.js'
import { Duck, quoteName, quoteText } from '../table/duck.js'
import { writeTyped } from '../table/typed.js'
import { flush } from '../table/write.js'
import { ColumnKinds } from './kinds.js'
import { type Part, partPath, type StoredKind } from './manifest.js'
import { checkRow, type DatasetRow, identityOf, metadataFields } from './row.js'

/** Rows handed to DuckDB at once. */
const BATCH = 8192

/** Rows on their way into a part: kept in DuckDB as typed text until the kinds of their columns are known. */
export class PartWriter {
  rows = 0
  /** sha256 of every row, in order. */
  readonly hashes: string[] = []
  private readonly kinds = new ColumnKinds()
  private batch: DatasetRow[] = []
  private storedColumns = 0

  private constructor(private readonly duck: Duck) {}

  static async open(): Promise<PartWriter> {
    const duck = await Duck.open()
    await duck.rows(`create table part (${[...metadataFields, 'hash'].map((field) => `_${field} varchar`).join(', ')})`)
    return new PartWriter(duck)
  }

  get columns(): string[] {
    return this.kinds.names
  }

  async add(row: DatasetRow): Promise<void> {
    this.rows++
    checkRow(row, this.rows)
    this.kinds.see(row.row)
    this.hashes.push(identityOf(row))
    this.batch.push(row)
    if (this.batch.length >= BATCH) await this.store()
  }

  private async store(): Promise<void> {
    const { names } = this.kinds
    for (; this.storedColumns < names.length; this.storedColumns++) {
      await this.duck.rows(`alter table part add column c${this.storedColumns} varchar`)
    }
    const metadata = metadataFields.map((field) => this.batch.map(({ meta }) => meta[field] ?? null))
    const hashes = this.hashes.slice(this.rows - this.batch.length)
    await this.duck.append('part', [
      ...metadata,
      hashes,
      ...names.map((name) => this.batch.map(({ row }) => writeTyped(row[name] ?? null))),
    ])
    this.batch = []
  }

  /** Writes the part into `folder`; the file appears whole or not at all. @throws VolantError disk-full, no-permission */
  async write(folder: string): Promise<Part> {
    await this.store()
    const directory = join(folder, 'parts')
    const temporary = join(directory, `${process.pid}-${Math.random().toString(36).slice(2, 8)}.tmp`)
    const columns = this.kinds.columns()
    const selected = columns.map(({ stored, kind }, at) => `${nativeValue(`c${at}`, kind)} as ${quoteName(stored)}`)
    const fields = [...metadataFields, 'hash'].map((field) => `_${field}`)
    try {
      await mkdir(directory, { recursive: true })
      await this.duck.rows(
        `copy (select ${[...fields, ...selected].join(', ')} from part) to ${quoteText(temporary)} (format parquet, compression zstd)`,
      )
      const part: Part = {
        sha256: await fileSha256(temporary),
        bytes: (await stat(temporary)).size,
        rows: this.rows,
        columns,
      }
      await flush(temporary)
      await rename(temporary, partPath(folder, part))
      await flush(directory)
      return part
    } catch (error) {
      await rm(temporary, { force: true })
      throw writeError(error, directory)
    }
  }

  close(): void {
    this.duck.close()
  }
}

/** The value of a typed text in the Parquet type of its column. */
function nativeValue(typed: string, kind: StoredKind): string {
  if (kind === 'text') return `substr(${typed}, 2)`
  if (kind === 'mixed') return typed
  return `cast(${typed} as ${kind === 'number' ? 'double' : 'boolean'})`
}

async function fileSha256(path: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(path)) hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

/** @throws VolantError corrupt-version when the part is gone, cut short or changed */
export async function checkPart(folder: string, part: Part): Promise<void> {
  const path = partPath(folder, part)
  const sha256 = await fileSha256(path).catch((cause: unknown) => {
    throw new VolantError(
      'corrupt-version',
      `The part "${path}" of a dataset version cannot be read; restore it from a backup.`,
      { path },
      { cause },
    )
  })
  if (sha256 !== part.sha256) {
    throw new VolantError(
      'corrupt-version',
      `The part "${path}" of a dataset version has changed since it was written (its sha256 is ${sha256}); restore it from a backup.`,
      { path, sha256 },
    )
  }
}
