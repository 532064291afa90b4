import { createHash } from 'node:crypto'
import { VolantError } from '../errors.js'
import { Duck, markedText, quoteName, quoteText, unmarked } from '../table/duck.js'
import { type StoredColumn, StoredTable } from '../table/stored.js'
import type { Cell, Table } from '../table/table.js'
import { readTyped } from '../table/typed.js'
import {
  type DatasetVersion,
  hasVersion,
  type Part,
  type PartColumn,
  partPath,
  readManifest,
  type StoredKind,
  writeManifest,
} from './manifest.js'
import { checkPart, PartWriter } from './part.js'
import { type DatasetRow, metadataFields } from './row.js'

export interface WriteVersionOptions {
  /** Id of the version these rows are appended to. */
  parent?: string
  signal?: AbortSignal
}

/**
 * Writes rows as a new immutable dataset version in `folder`; with `parent`, the new version has the parent's rows and
 * then these. The same content gives the same id and is not written twice. A crash leaves no half version.
 * @throws VolantError no-rows, bad-row, bad-cell, unknown-version, disk-full, no-permission
 */
export async function writeDatasetVersion(
  folder: string,
  rows: Iterable<DatasetRow> | AsyncIterable<DatasetRow>,
  options: WriteVersionOptions = {},
): Promise<DatasetVersion> {
  const parent = options.parent === undefined ? undefined : await readManifest(folder, options.parent)
  const writer = await PartWriter.open()
  try {
    for await (const row of rows) {
      options.signal?.throwIfAborted()
      await writer.add(row)
    }
    if (writer.rows === 0) throw new VolantError('no-rows', 'A dataset version needs at least one row, found none.')
    const columns = [...new Set([...(parent?.columns ?? []), ...writer.columns])]
    const id = await versionId(folder, columns, parent?.parts ?? [], writer.hashes)
    if (await hasVersion(folder, id)) return await readManifest(folder, id)
    const part = await writer.write(folder)
    const version: DatasetVersion = {
      format: 'volant-dataset-1',
      id,
      parent: parent?.id ?? null,
      rows: (parent?.rows ?? 0) + part.rows,
      columns,
      parts: [...(parent?.parts ?? []), part],
      createdAt: new Date().toISOString(),
    }
    await writeManifest(folder, version)
    return version
  } finally {
    writer.close()
  }
}

/** sha256 over the column names and the rows' hashes; where the rows are cut into parts does not matter. */
async function versionId(
  folder: string,
  columns: readonly string[],
  parts: readonly Part[],
  added: readonly string[],
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(columns))
  if (parts.length > 0) {
    const duck = await Duck.open()
    try {
      const known = partsUnion(folder, parts, () => ['_hash'])
      for await (const [hashes] of duck.chunks(`select * from ${known}`))
        for (const one of hashes!) hash.update(String(one))
    } finally {
      duck.close()
    }
  }
  for (const one of added) hash.update(one)
  return hash.digest('hex')
}

export interface OpenVersion {
  version: DatasetVersion
  /** The rows. */
  table: Table
  /** Where each row comes from, in the same order: columns source, time, subject, consent and hash (sha256 of the row). */
  origins: Table
  close(): Promise<void>
}

const originNames = [...metadataFields, 'hash']

/**
 * Opens a dataset version for reading, after checking its parts against their sha256.
 * @throws VolantError unknown-version, corrupt-version
 */
export async function readDatasetVersion(folder: string, id: string): Promise<OpenVersion> {
  const version = await readManifest(folder, id)
  for (const part of version.parts) await checkPart(folder, part)
  const duck = await Duck.open()
  const facts = { path: `dataset ${id.slice(0, 12)}` }
  const columns = version.columns.map((name, at) => new VersionColumn(name, at, version.parts))
  const rows = partsUnion(folder, version.parts, (part) => columns.map((column) => column.inPart(part)))
  const origins = partsUnion(folder, version.parts, () => originNames.map((name) => `_${name}`))
  return {
    version,
    table: new StoredTable(
      duck,
      rows,
      columns.map((column) => column.stored()),
      version.rows,
      facts,
    ),
    origins: new StoredTable(duck, origins, originNames.map(originColumn), version.rows, facts),
    close: async () => duck.close(),
  }
}

function originColumn(name: string): StoredColumn {
  return { name, expression: markedText(`_${name}`), toCell: unmarked }
}

/** The parts' rows one after another, as what stands behind FROM. UNION ALL keeps the order of rows in DuckDB. */
function partsUnion(folder: string, parts: readonly Part[], selected: (part: Part) => string[]): string {
  const selects = parts.map(
    (part) => `select ${selected(part).join(', ')} from read_parquet(${quoteText(partPath(folder, part))})`,
  )
  return `(${selects.join(' union all ')})`
}

/** A column of a version: native when all parts agree on its kind, typed text where they do not. */
class VersionColumn {
  private readonly kind: StoredKind

  constructor(
    private readonly name: string,
    private readonly at: number,
    parts: readonly Part[],
  ) {
    const kinds = new Set(
      parts.flatMap((part) => part.columns.filter((column) => column.name === name).map((column) => column.kind)),
    )
    this.kind = kinds.size === 1 ? [...kinds][0]! : 'mixed'
  }

  inPart(part: Part): string {
    const column = part.columns.find(({ name }) => name === this.name)
    return `${column ? this.value(column) : 'null'} as v${this.at}`
  }

  private value({ stored, kind }: PartColumn): string {
    if (kind === this.kind) return quoteName(stored)
    return kind === 'text' ? `'s' || ${quoteName(stored)}` : `cast(${quoteName(stored)} as varchar)`
  }

  stored(): StoredColumn {
    const { name, at, kind } = this
    if (kind === 'number' || kind === 'boolean') return { name, expression: `v${at}`, toCell: (value) => value as Cell }
    const toCell = kind === 'mixed' ? (text: string) => readTyped(text) : (text: string) => text
    return { name, expression: markedText(`v${at}`), toCell: (value) => toCell(unmarked(value)) }
  }
}
