import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { newId } from '../store/index.js'

const form = /^vk_([0-9a-z]{26})_([A-Za-z0-9_-]{43})$/

/** A new key `vk_<id>_<secret>`: the id finds the row, the secret has 256 random bits and is kept only as its sha256. */
export function makeKey(): { id: string; key: string; hash: Buffer } {
  const id = newId()
  const secret = randomBytes(32).toString('base64url')
  return { id, key: `vk_${id}_${secret}`, hash: sha256(secret) }
}

/** The parts of a key as its bearer sent it; undefined when it has another form. */
export function parseKey(key: string): { id: string; hash: Buffer } | undefined {
  const [, id, secret] = form.exec(key) ?? []
  return id && secret ? { id, hash: sha256(secret) } : undefined
}

/** Compares in constant time. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The key in `Authorization: Bearer …` or `x-api-key`. */
export function sentKey({ authorization, 'x-api-key': header }: IncomingHttpHeaders): string | undefined {
  const [, bearer] = /^Bearer +(\S.*)$/i.exec(authorization ?? '') ?? []
  return bearer?.trim() ?? (typeof header === 'string' && header !== '' ? header : undefined)
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
