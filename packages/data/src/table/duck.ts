import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import type { DuckDBConnection, DuckDBInstance, DuckDBValue } from '@duckdb/node-api'
import { writeError } from '../errors.js'

/** Loaded when first needed: it takes 35 MB and a moment, and serving needs none of it. */
const loadDuckDb = () => import('@duckdb/node-api')

/** Rows DuckDB handles at once. */
const VECTOR = 2048

const unclosed = new Set<Duck>()
process.once('exit', () => {
  for (const duck of unclosed) duck.removeFiles()
})

/** A DuckDB instance of its own with a temporary folder of its own; it reads and writes files, nothing over the network. */
export class Duck {
  private constructor(
    private readonly instance: DuckDBInstance,
    readonly folder: string,
  ) {
    unclosed.add(this)
  }

  /** @param memory bytes DuckDB may hold before it uses the disk */
  static async open(memory = 512e6, parent = tmpdir()): Promise<Duck> {
    let folder: string
    try {
      removeStale(parent)
      folder = mkdtempSync(join(parent, `volant-rows-${process.pid}-`))
    } catch (error) {
      throw writeError(error, parent)
    }
    try {
      const { DuckDBInstance } = await loadDuckDb()
      const instance = await DuckDBInstance.create(join(folder, 'rows.duckdb'), {
        memory_limit: `${Math.ceil(memory / 1e6)}MB`,
        threads: '2',
        temp_directory: join(folder, 'spill'),
        autoinstall_known_extensions: 'false',
        autoload_known_extensions: 'false',
      })
      return new Duck(instance, folder)
    } catch (error) {
      rmSync(folder, { recursive: true, force: true })
      throw writeError(error, folder)
    }
  }

  connect(): Promise<DuckDBConnection> {
    return this.instance.connect()
  }

  /** Runs one statement and gives all its rows. */
  async rows(sql: string, values: DuckDBValue[] = []): Promise<DuckDBValue[][]> {
    const connection = await this.connect()
    try {
      return await (await connection.run(sql, values)).getRows()
    } finally {
      connection.closeSync()
    }
  }

  /** Streams a query chunk by chunk, one array a column. */
  async *chunks(sql: string): AsyncGenerator<DuckDBValue[][]> {
    const connection = await this.connect()
    try {
      const result = await connection.stream(sql)
      for (;;) {
        const chunk = await result.fetchChunk()
        if (!chunk || chunk.rowCount === 0) return
        yield chunk.getColumns()
      }
    } finally {
      connection.closeSync()
    }
  }

  /** Appends text columns of equal length to a table. */
  async append(table: string, columns: readonly (readonly (string | null)[])[]): Promise<void> {
    const { DuckDBDataChunk, VARCHAR } = await loadDuckDb()
    const connection = await this.connect()
    const kinds = columns.map(() => VARCHAR)
    const rows = columns[0]?.length ?? 0
    try {
      const appender = await connection.createAppender(table)
      for (let start = 0; start < rows; start += VECTOR) {
        const chunk = DuckDBDataChunk.create(kinds, Math.min(VECTOR, rows - start))
        chunk.setColumns(columns.map((cells) => cells.slice(start, start + VECTOR)))
        appender.appendDataChunk(chunk)
        // Others get their turn.
        if (start % (16 * VECTOR) === 0) await setImmediate()
      }
      appender.closeSync()
    } catch (error) {
      throw writeError(error, this.folder)
    } finally {
      connection.closeSync()
    }
  }

  close(): void {
    if (!unclosed.has(this)) return
    this.instance.closeSync()
    this.removeFiles()
  }

  removeFiles(): void {
    unclosed.delete(this)
    rmSync(this.folder, { recursive: true, force: true })
  }
}

/**
 * Reads a text expression with a mark in front, to be taken off by `unmarked`: the client decodes every value as if it
 * were a whole file and drops a leading U+FEFF.
 */
export function markedText(expression: string): string {
  return `'.' || ${expression}`
}

export function unmarked(value: DuckDBValue): string {
  return (value as string).slice(1)
}

const DAY = 24 * 3600 * 1000
const swept = new Set<string>()

/** Removes what processes that were killed more than a day ago left in `parent`; looks once. */
function removeStale(parent: string): void {
  if (swept.has(parent)) return
  swept.add(parent)
  for (const name of readdirSync(parent)) {
    const pid = Number(/^volant-rows-(\d+)-/.exec(name)?.[1] ?? 0)
    if (pid === 0 || isAlive(pid)) continue
    const path = join(parent, name)
    const changed = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now()
    if (Date.now() - changed > DAY) rmSync(path, { recursive: true, force: true })
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as { code?: string }).code === 'EPERM'
  }
}

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}
