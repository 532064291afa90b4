import type { IncomingHttpHeaders } from 'node:http'
import path from 'node:path'
import { VolantError } from '@volant/data'
import { sql } from 'kysely'
import { json, type Log, type Store, silent, writeWhole } from '../store/index.js'
import { makeKey, parseKey, sameHash, sentKey } from './key.js'
import { isLoopback, isOwnRequest } from './local.js'
import type { Principal, Scope } from './principal.js'

/** A key as it is shown; its secret is shown once, when it is made. */
export interface Key {
  id: string
  name: string
  channel: string
  project: string | null
  scopes: Scope[]
  /** How the key begins. */
  prefix: string
  createdAt: Date
  lastUsedAt: Date | null
  revokedAt: Date | null
}

export interface NewKey {
  name: string
  channel: string
  scopes: readonly Scope[]
  project?: string | null
}

export interface AccessOptions {
  store: Store
  /** The host the server listens on: requests without a key are let in on loopback hosts only. */
  boundHost: string
  /** `always`: a key is needed on loopback hosts too. Default `local`. */
  keys?: 'local' | 'always'
  log?: Log
}

/** How long a revocation made by another server on the same database may go unnoticed. */
const cacheMs = 10_000
const storeLastUsedMs = 30_000
export const ownChannel = 'console'

interface CachedKey {
  readAt: number
  row: { hash: Uint8Array; revoked: boolean; principal: Principal } | undefined
}

/** Who may do what: keys, and the owner on this machine. */
export class Access {
  readonly #store: Store
  readonly #open: boolean
  readonly #cache = new Map<string, CachedKey>()
  readonly #used = new Map<string, Date>()
  readonly #timer: NodeJS.Timeout
  /** The owner's key, on the start that made it; it is also in `owner.key` of the data folder. */
  readonly ownerKey: string | null

  private constructor(store: Store, open: boolean, ownerKey: string | null, log: Log) {
    this.#store = store
    this.#open = open
    this.ownerKey = ownerKey
    const write = (): void =>
      void this.#storeLastUsed().catch((error) => log.warn({ err: error }, 'last use of keys not stored'))
    this.#timer = setInterval(write, storeLastUsedMs).unref()
  }

  /** Makes the owner's key when keys are needed and there is no key to administer with. */
  static async start({ store, boundHost, keys = 'local', log = silent }: AccessOptions): Promise<Access> {
    const open = keys === 'local' && isLoopback(boundHost)
    return new Access(store, open, open ? null : await ensureOwnerKey(store), log)
  }

  /**
   * Who sends this request. Throws `key-missing`, `key-unknown` or `key-revoked`. A key that is sent is always checked; with
   * `foreignKeys` a text that has not the form of one counts as none where none is needed: some clients cannot be without.
   */
  async authenticate(request: {
    headers: IncomingHttpHeaders
    remoteAddress?: string
    foreignKeys?: boolean
  }): Promise<Principal> {
    const key = sentKey(request.headers)
    const isOwn = this.#open && isOwnRequest(request.headers, request.remoteAddress)
    const isForeign = isOwn && request.foreignKeys && key !== undefined && !parseKey(key)
    if (key !== undefined && !isForeign) return await this.#check(key)
    if (isOwn) return { keyId: null, channel: ownChannel, scopes: ['admin'], project: null, owner: true }
    const why = this.#open ? ' This request does not come straight from this machine.' : ''
    throw new VolantError('key-missing', `Send a key as "Authorization: Bearer vk_…".${why}`)
  }

  /** Makes a key; the answer alone holds it in full. */
  async create({ name, channel, scopes, project = null }: NewKey): Promise<Key & { key: string }> {
    const { id, key, hash } = makeKey()
    await insertKey(this.#store, { id, hash, name, channel, scopes, project, owner: false })
    this.#cache.delete(id)
    return { ...(await this.get(id))!, key }
  }

  async get(id: string): Promise<Key | undefined> {
    const row = await this.#store.db.selectFrom('access_keys').selectAll().where('id', '=', id).executeTakeFirst()
    return row && this.#shown(row)
  }

  /** Keys, newest first; `next` is given back as `after` for the next page. */
  async list({
    limit = 50,
    after,
  }: {
    limit?: number
    after?: string
  } = {}): Promise<{ items: Key[]; next: string | null }> {
    let query = this.#store.db
      .selectFrom('access_keys')
      .selectAll()
      .orderBy('id', 'desc')
      .limit(limit + 1)
    if (after !== undefined) query = query.where('id', '<', after)
    const rows = await query.execute()
    const items = rows.slice(0, limit).map((row) => this.#shown(row))
    return { items, next: rows.length > limit ? items.at(-1)!.id : null }
  }

  /** Ends a key at once (on other servers of the same database within 10 s). False when there is no such key. */
  async revoke(id: string): Promise<boolean> {
    const { numUpdatedRows } = await this.#store.db
      .updateTable('access_keys')
      .set({ revoked_at: sql<Date>`coalesce(revoked_at, now())` })
      .where('id', '=', id)
      .executeTakeFirst()
    this.#cache.delete(id)
    return numUpdatedRows > 0n
  }

  /** Ends all keys of a channel. Returns how many there were. */
  async revokeChannel(channel: string): Promise<number> {
    const revoked = await this.#store.db
      .updateTable('access_keys')
      .set({ revoked_at: sql<Date>`now()` })
      .where('channel', '=', channel)
      .where('revoked_at', 'is', null)
      .returning('id')
      .execute()
    for (const { id } of revoked) this.#cache.delete(id)
    return revoked.length
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    await this.#storeLastUsed()
  }

  async #check(key: string): Promise<Principal> {
    const sent = parseKey(key)
    const known = sent && (await this.#find(sent.id))
    if (!sent || !known || !sameHash(sent.hash, known.hash)) {
      throw new VolantError('key-unknown', 'The key that was sent is not one of this server.')
    }
    if (known.revoked) throw new VolantError('key-revoked', `The key vk_${sent.id} was revoked.`, { id: sent.id })
    this.#used.set(sent.id, new Date())
    return known.principal
  }

  async #find(id: string): Promise<CachedKey['row']> {
    const cached = this.#cache.get(id)
    if (cached && Date.now() - cached.readAt < cacheMs) return cached.row
    const readAt = Date.now()
    const found = await this.#store.db.selectFrom('access_keys').selectAll().where('id', '=', id).executeTakeFirst()
    const row = found && {
      hash: found.hash,
      revoked: found.revoked_at !== null,
      principal: {
        keyId: id,
        channel: found.channel,
        scopes: found.scopes,
        project: found.project,
        owner: found.owner,
      },
    }
    if (this.#cache.size >= 10_000) this.#cache.clear()
    this.#cache.set(id, { readAt, row })
    return row
  }

  #shown(row: Row): Key {
    return {
      id: row.id,
      name: row.name,
      channel: row.channel,
      project: row.project,
      scopes: row.scopes,
      prefix: `vk_${row.id}`,
      createdAt: row.created_at,
      lastUsedAt: this.#used.get(row.id) ?? row.last_used_at,
      revokedAt: row.revoked_at,
    }
  }

  async #storeLastUsed(): Promise<void> {
    const used = [...this.#used]
    if (used.length === 0) return
    await sql`
      update access_keys set last_used_at = greatest(access_keys.last_used_at, used.at)
      from unnest(${used.map(([id]) => id)}::text[], ${used.map(([, at]) => at.toISOString())}::text[]) as given(id, text)
      cross join lateral (select given.text::timestamptz as at) as used
      where access_keys.id = given.id`.execute(this.#store.db)
    for (const [id, at] of used) if (this.#used.get(id) === at) this.#used.delete(id)
  }
}

interface Row {
  id: string
  name: string
  channel: string
  project: string | null
  scopes: Scope[]
  created_at: Date
  last_used_at: Date | null
  revoked_at: Date | null
}

/** The key that was made now, or null when one to administer with is there. Written to the folder before the database. */
async function ensureOwnerKey(store: Store): Promise<string | null> {
  const admin = await store.db
    .selectFrom('access_keys')
    .select('id')
    .where('revoked_at', 'is', null)
    .where('project', 'is', null)
    .where(sql<boolean>`scopes ? 'admin'`)
    .limit(1)
    .executeTakeFirst()
  if (admin) return null
  const { id, key, hash } = makeKey()
  await writeWhole(path.join(store.folder, 'owner.key'), `${key}\n`, 0o600)
  await insertKey(store, {
    id,
    hash,
    name: 'owner',
    channel: ownChannel,
    scopes: ['admin'],
    project: null,
    owner: true,
  })
  return key
}

async function insertKey(
  store: Store,
  key: {
    id: string
    hash: Buffer
    name: string
    channel: string
    scopes: readonly Scope[]
    project: string | null
    owner: boolean
  },
): Promise<void> {
  await store.db
    .insertInto('access_keys')
    .values({ ...key, scopes: json([...key.scopes]), last_used_at: null, revoked_at: null })
    .execute()
}
