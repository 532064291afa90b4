import {
  CompiledQuery,
  type DatabaseConnection,
  type DatabaseIntrospector,
  type Dialect,
  type Driver,
  type Kysely,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely'
import type { Release } from './lock.js'
import { type PgliteDatabase, type QueryResult as Rows, statementLabel } from './pglite.js'

/** Kysely on the one PGlite session: a connection is the lock, held for a statement or a whole transaction. */
export function pgliteDialect(database: PgliteDatabase): Dialect {
  return {
    createDriver: () => new PgliteDriver(database),
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db: Kysely<unknown>): DatabaseIntrospector => new PostgresIntrospector(db),
  }
}

class PgliteDriver implements Driver {
  constructor(readonly database: PgliteDatabase) {}

  async init(): Promise<void> {}

  async acquireConnection(): Promise<PgliteConnection> {
    return new PgliteConnection(this.database, await this.database.lock.take('a query'))
  }

  async beginTransaction(connection: DatabaseConnection, { isolationLevel }: TransactionSettings): Promise<void> {
    const level = isolationLevel ? ` isolation level ${isolationLevel}` : ''
    await connection.executeQuery(CompiledQuery.raw(`begin${level}`))
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'))
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'))
  }

  async releaseConnection(connection: PgliteConnection): Promise<void> {
    connection.release()
  }

  /** The store closes the database itself, after Kysely. */
  async destroy(): Promise<void> {}
}

class PgliteConnection implements DatabaseConnection {
  constructor(
    readonly database: PgliteDatabase,
    readonly release: Release,
  ) {}

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    this.database.lock.describe(statementLabel(sql))
    const answer = (await this.database.ask({ op: 'query', sql, params: [...parameters] })) as Rows
    const changes = /^(insert|update|delete|merge)/i.test(answer.command ?? sql)
    return {
      rows: answer.rows as R[],
      ...(changes && { numAffectedRows: BigInt(answer.affectedRows ?? 0) }),
    }
  }

  /** PGlite gives a result at once, so this is one chunk. */
  async *streamQuery<R>(query: CompiledQuery): AsyncIterableIterator<QueryResult<R>> {
    yield await this.executeQuery<R>(query)
  }
}
