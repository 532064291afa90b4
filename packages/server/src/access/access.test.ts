import { readFileSync, statSync } from 'node:fs'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { onEachDatabase } from '../store/databases.testing.js'
import type { Store } from '../store/index.js'
import { Access } from './access.js'
import { isOwnRequest } from './local.js'
import { allow, type Principal } from './principal.js'
import { accessMigrations } from './schema.js'

const ownerFile = ({ folder }: Store) => readFileSync(path.join(folder, 'owner.key'), 'utf8').trim()
const bearer = (key: string) => ({ headers: { authorization: `Bearer ${key}` } })

onEachDatabase((database) => {
  let store: Store
  let access: Access
  beforeAll(async () => {
    store = await database.store({ migrations: accessMigrations })
    access = await Access.start({ store, boundHost: '0.0.0.0' })
  })
  afterAll(() => access.close())

  it('makes the owner a key on the first start where keys are needed, once', async () => {
    const key = access.ownerKey!
    expect(ownerFile(store)).toBe(key)
    expect(statSync(path.join(store.folder, 'owner.key')).mode & 0o777).toBe(0o600)
    expect(await access.authenticate(bearer(key))).toMatchObject({
      owner: true,
      scopes: ['admin'],
      channel: 'console',
      project: null,
    })
    const again = await Access.start({ store, boundHost: '0.0.0.0' })
    expect(again.ownerKey).toBeNull()
    await again.close()
  })

  it('knows its keys, and only those', async () => {
    const { key, ...shown } = await access.create({
      name: 'web',
      channel: 'widget',
      scopes: ['predict', 'feedback'],
      project: 'help',
    })
    expect(key.startsWith(`${shown.prefix}_`)).toBe(true)
    const principal = {
      keyId: shown.id,
      channel: 'widget',
      scopes: ['predict', 'feedback'],
      project: 'help',
      owner: false,
    }
    expect(await access.authenticate(bearer(key))).toEqual(principal)
    expect(await access.authenticate({ headers: { 'x-api-key': key } })).toEqual(principal)
    const wrongSecret = key.slice(0, -1) + (key.endsWith('A') ? 'B' : 'A')
    for (const wrong of [wrongSecret, 'vk_x', 'hello', `vk_${'0'.repeat(26)}_${'A'.repeat(43)}`]) {
      await expect(access.authenticate(bearer(wrong))).rejects.toMatchObject({ code: 'key-unknown' })
    }
    await expect(access.authenticate({ headers: {} })).rejects.toMatchObject({ code: 'key-missing' })
  })

  it('keeps no secret in the database', async () => {
    const { key, id } = await access.create({ name: 'secret', channel: 'c', scopes: ['read'] })
    const row = await store.db.selectFrom('access_keys').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
    const secret = key.slice(`vk_${id}_`.length)
    expect(secret).toHaveLength(43)
    expect(JSON.stringify({ ...row, hash: Buffer.from(row.hash).toString() })).not.toContain(secret)
    expect(row.hash).toHaveLength(32)
  })

  it('revokes at once', async () => {
    const { key, id } = await access.create({ name: 'short', channel: 'c', scopes: ['read'] })
    await access.authenticate(bearer(key))
    expect(await access.revoke(id)).toBe(true)
    await expect(access.authenticate(bearer(key))).rejects.toMatchObject({ code: 'key-revoked' })
    expect((await access.get(id))!.revokedAt).toBeInstanceOf(Date)
    expect(await access.revoke('none')).toBe(false)
  })

  it('lists keys newest first, with their last use, before and after it was stored', async () => {
    const { key, id } = await access.create({ name: 'used', channel: 'c', scopes: ['read'] })
    expect((await access.get(id))!.lastUsedAt).toBeNull()
    await access.authenticate(bearer(key))
    const used = (await access.get(id))!.lastUsedAt
    expect(used).toBeInstanceOf(Date)
    const first = await access.list({ limit: 2 })
    expect(first.items.map(({ id }) => id)[0]).toBe(id)
    const second = await access.list({ limit: 50, after: first.next! })
    expect(second.next).toBeNull()
    expect(second.items.at(-1)!.name).toBe('owner')
    await access.close()
    expect((await access.get(id))!.lastUsedAt).toEqual(used)
  })

  it("makes a new owner's key when all to administer with are revoked", async () => {
    const place = await database.store({ migrations: accessMigrations })
    const first = await Access.start({ store: place, boundHost: '10.0.0.1' })
    const { keyId } = await first.authenticate(bearer(first.ownerKey!))
    await first.revoke(keyId!)
    const second = await Access.start({ store: place, boundHost: '10.0.0.1' })
    expect(second.ownerKey).not.toBe(first.ownerKey)
    expect(ownerFile(place)).toBe(second.ownerKey)
    await first.close()
    await second.close()
  })

  it('lets the owner in without a key on this machine only, and checks every key that is sent', async () => {
    const local = await Access.start({ store, boundHost: '127.0.0.1' })
    const own = { headers: { host: 'localhost:4600' }, remoteAddress: '127.0.0.1' }
    expect(await local.authenticate(own)).toEqual({
      keyId: null,
      channel: 'console',
      scopes: ['admin'],
      project: null,
      owner: true,
    })
    await expect(
      local.authenticate({ ...own, headers: { ...own.headers, authorization: 'Bearer wrong' } }),
    ).rejects.toMatchObject({ code: 'key-unknown' })
    const strict = await Access.start({ store, boundHost: '127.0.0.1', keys: 'always' })
    await expect(strict.authenticate(own)).rejects.toMatchObject({ code: 'key-missing' })
    await expect(access.authenticate(own)).rejects.toMatchObject({ code: 'key-missing' })
    for (const one of [local, strict]) await one.close()
  })
})

describe('a request of this machine', () => {
  const host = '127.0.0.1:4600'
  it.each([
    [true, { host }, '127.0.0.1'],
    [true, { host: '[::1]:4600' }, '::1'],
    [
      true,
      { host: 'localhost:4600', origin: 'http://localhost:4600', 'sec-fetch-site': 'same-origin' },
      '::ffff:127.0.0.1',
    ],
    [false, { host }, '192.168.0.7'],
    [false, { host }, undefined],
    [false, {}, '127.0.0.1'],
    [false, { host: 'evil.example:4600' }, '127.0.0.1'],
    [false, { host: '127.0.0.1.evil.example' }, '127.0.0.1'],
    [false, { host, origin: 'https://evil.example' }, '127.0.0.1'],
    [false, { host, origin: 'null' }, '127.0.0.1'],
    [false, { host, origin: 'http://127.0.0.1:9999' }, '127.0.0.1'],
    [false, { host, 'sec-fetch-site': 'cross-site' }, '127.0.0.1'],
    [false, { host, 'x-forwarded-for': '10.0.0.1' }, '127.0.0.1'],
    [false, { host, forwarded: 'for=10.0.0.1' }, '127.0.0.1'],
  ])('%s: %j from %s', (own, headers, address) => {
    expect(isOwnRequest(headers, address)).toBe(own)
  })
})

describe('scopes', () => {
  const who = (scopes: Principal['scopes'], project: string | null = null): Principal => ({
    keyId: 'k',
    channel: 'c',
    scopes,
    project,
    owner: false,
  })
  it('include what they should', () => {
    for (const scope of ['predict', 'feedback', 'read', 'write', 'admin'] as const) allow(who(['admin']), scope)
    allow(who(['write']), 'read')
    for (const [has, wants] of [
      ['write', 'predict'],
      ['write', 'admin'],
      ['predict', 'feedback'],
      ['feedback', 'read'],
      ['read', 'write'],
    ] as const) {
      expect(() => allow(who([has]), wants)).toThrow(`needs the scope "${wants}"`)
    }
  })
  it("hold in the key's own project only", () => {
    allow(who(['admin'], 'a'), 'write', 'a')
    expect(() => allow(who(['admin'], 'a'), 'read', 'b')).toThrow('for project "a" only')
    expect(() => allow(who(['admin'], 'a'), 'admin')).toThrow('whole server')
  })
})
