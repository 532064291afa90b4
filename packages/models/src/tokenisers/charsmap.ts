/**
 * SentencePiece's compiled normalisation: a double-array trie from byte strings to replacements
 * (the layout of Darts: https://github.com/s-yata/darts-clone). `blob` holds the trie's size in bytes, the trie and
 * the replacements, each ended by a zero byte. A grapheme of fewer than six bytes is looked up as a whole first.
 */
export function charsmap(blob: Uint8Array): (text: string) => string {
  const view = new DataView(blob.buffer, blob.byteOffset, blob.byteLength)
  const size = view.getUint32(0, true)
  const units = Uint32Array.from({ length: size >> 2 }, (_, i) => view.getUint32(4 + 4 * i, true))
  const replacements = blob.subarray(4 + size)
  const known = new Map<string, string | undefined>()
  const lookUp = (key: string) => {
    if (!known.has(key)) {
      if (known.size > 50_000) known.clear()
      known.set(key, replacement(units, replacements, key))
    }
    return known.get(key)
  }
  const printable = Array.from({ length: 0x5f }, (_, i) => String.fromCharCode(0x20 + i))
  const plain = printable.some((c) => lookUp(c) !== undefined) ? /^$/ : /^[ -~]*$/
  return (text) => (plain.test(text) ? text : rewrite(text, lookUp))
}

const encoder = new TextEncoder()
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
const graphemes = new Intl.Segmenter('en', { granularity: 'grapheme' })

/** Characters that never combine with their neighbours: Latin, CJK, kana and their punctuation. */
const separate = /^[ -~\u00A1-\u02FF\u2010-\u2027\u3001-\u3029\u3041-\u3096\u30A1-\u30FA\u4E00-\u9FFF\uFF01-\uFF9D]*$/

function rewrite(text: string, lookUp: (key: string) => string | undefined): string {
  let out = ''
  if (separate.test(text)) {
    for (const character of text) out += lookUp(character) ?? character
    return out
  }
  for (const { segment } of graphemes.segment(text)) {
    const whole = segment.length < 6 && Buffer.byteLength(segment) < 6 ? lookUp(segment) : undefined
    if (whole !== undefined) out += whole
    else for (const character of segment) out += lookUp(character) ?? character
  }
  return out
}

/** The replacement of the shortest key that `text` begins with, if there is one: SentencePiece's port takes the first. */
function replacement(units: Uint32Array, replacements: Uint8Array, text: string): string | undefined {
  let node = offset(units[0]!)
  for (const byte of encoder.encode(text)) {
    if (byte === 0) return undefined
    node ^= byte
    const unit = units[node]!
    if ((unit & 0x800000ff) >>> 0 !== byte) return undefined
    node ^= offset(unit)
    if (hasLeaf(unit)) {
      const start = units[node]! & 0x7fffffff
      return decoder.decode(replacements.subarray(start, replacements.indexOf(0, start)))
    }
  }
  return undefined
}

const offset = (unit: number) => ((unit >>> 10) << ((unit & 0x200) >>> 6)) >>> 0
const hasLeaf = (unit: number) => ((unit >>> 8) & 1) === 1
