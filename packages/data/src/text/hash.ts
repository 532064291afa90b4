/**
 * MurmurHash3 x86 32-bit (Austin Appleby, public domain) of the text's UTF-8 bytes.
 * A lone surrogate counts as U+FFFD, as in TextEncoder. @returns an unsigned 32-bit integer
 */
export function murmur3(text: string, seed = 0): number {
  let hash = seed | 0
  let word = 0
  let bytes = 0
  const length = text.length
  for (let at = 0; at < length; at++) {
    let code = text.charCodeAt(at)
    if (code < 0x80) {
      word |= code << ((bytes & 3) << 3)
      if ((++bytes & 3) === 0) [hash, word] = [mixWord(hash, word), 0]
      continue
    }
    if (code >= 0xd800 && code <= 0xdfff) {
      const low = at + 1 < length ? text.charCodeAt(at + 1) : 0
      if (code <= 0xdbff && low >= 0xdc00 && low <= 0xdfff) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00)
        at++
      } else code = 0xfffd
    }
    const more = code < 0x800 ? 1 : code < 0x10000 ? 2 : 3
    for (let part = more; part >= 0; part--) {
      const lead = more === 1 ? 0xc0 : more === 2 ? 0xe0 : 0xf0
      const byte = part === more ? lead | (code >> (6 * more)) : 0x80 | ((code >> (6 * part)) & 0x3f)
      word |= byte << ((bytes & 3) << 3)
      if ((++bytes & 3) === 0) [hash, word] = [mixWord(hash, word), 0]
    }
  }
  if ((bytes & 3) !== 0) hash ^= scramble(word)
  return finish(hash ^ bytes)
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51)
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593)
}

function mixWord(hash: number, word: number): number {
  const mixed = hash ^ scramble(word)
  return (Math.imul((mixed << 13) | (mixed >>> 19), 5) + 0xe6546b64) | 0
}

function finish(hash: number): number {
  let h = hash
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}
