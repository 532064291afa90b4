import { randomFillSync } from 'node:crypto'

const alphabet = '0123456789abcdefghjkmnpqrstvwxyz'
const pool = new Uint8Array(4096)
let used = pool.length

/**
 * A new id: 10 characters of time (ms) and 16 random ones (80 bits), in Crockford's base 32 as in the ULID
 * specification, lower case. Sorting ids as text sorts them by time.
 */
export function newId(at = Date.now()): string {
  if (used + 16 > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  let id = ''
  for (let digit = 9, rest = at; digit >= 0; digit--, rest = Math.floor(rest / 32)) id = alphabet[rest % 32] + id
  for (let i = 0; i < 16; i++) id += alphabet[pool[used++]! & 31]
  return id
}
