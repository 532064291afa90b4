import { type Buffer, isUtf8 } from 'node:buffer'
import { analyse } from 'chardet'
import { VolantError } from '../errors.js'

export interface Encoding {
  /** A label of the WHATWG Encoding standard, such as utf-8, utf-16le, gb18030. */
  name: string
  /** Bytes of the byte order mark at the start. */
  bom: number
}

/** The encoding of a file from its first bytes: byte order mark, then UTF-8 if valid, then statistics. */
export function detectEncoding(head: Buffer, whole: boolean): Encoding {
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) return { name: 'utf-8', bom: 3 }
  if (head[0] === 0xff && head[1] === 0xfe) return { name: 'utf-16le', bom: 2 }
  if (head[0] === 0xfe && head[1] === 0xff) return { name: 'utf-16be', bom: 2 }
  const wide = wideEncoding(head)
  if (wide) return { name: wide, bom: 0 }
  const complete = whole ? head : head.subarray(0, utf8Boundary(head))
  return { name: isUtf8(complete) || mostlyUtf8(complete) ? 'utf-8' : guessLegacy(head), bom: 0 }
}

/** UTF-16 without a mark: nearly every second byte of Western text is 0. */
function wideEncoding(head: Uint8Array): string | undefined {
  const zeros = [0, 0]
  for (let at = 0; at < head.length; at++) if (head[at] === 0) zeros[at & 1]!++
  const half = head.length / 2
  if (half < 4) return undefined
  if (zeros[1]! > 0.4 * half && zeros[0]! < 0.05 * half) return 'utf-16le'
  if (zeros[0]! > 0.4 * half && zeros[1]! < 0.05 * half) return 'utf-16be'
  return undefined
}

/** Whether most lines beyond ASCII are valid UTF-8: then the others hold faults, and it is not another encoding. */
export function mostlyUtf8(block: Buffer): boolean {
  const wide = linesOf(block).filter((line) => line.some((byte) => byte >= 0x80))
  return wide.filter((line) => isUtf8(line)).length * 2 > wide.length
}

export function linesOf(block: Buffer): Buffer[] {
  const lines: Buffer[] = []
  for (let start = 0; start < block.length; ) {
    const newline = block.indexOf(10, start)
    const end = newline < 0 ? block.length : newline + 1
    lines.push(block.subarray(start, end))
    start = end
  }
  return lines
}

/**
 * The likeliest encoding other than UTF-8 that decodes the bytes without a fault. Statistics say little about a few
 * lines: then GB18030 if the bytes read as everyday Chinese,
 * and Western European if most letters are ASCII.
 */
export function guessLegacy(bytes: Uint8Array): string {
  const matches = analyse(bytes).filter((match) => match.name !== 'UTF-8' && decodes(bytes, match.name))
  const top = matches[0]
  const unsure = !top || top.confidence <= 35
  if (unsure && decodes(bytes, 'gb18030') && readsAsChinese(bytes)) return 'gb18030'
  if (unsure && mostlyAscii(bytes)) return 'windows-1252'
  return top?.name.toLowerCase() ?? 'windows-1252'
}

/** At least nine in ten characters beyond ASCII stand in the Han rows of GB 2312 (or its punctuation). */
function readsAsChinese(bytes: Uint8Array): boolean {
  let [common, all] = [0, 0]
  for (let at = 0; at < bytes.length; at++) {
    const lead = bytes[at]!
    if (lead < 0x80) continue
    const trail = bytes[++at] ?? 0
    all++
    if (trail >= 0xa1 && ((lead >= 0xb0 && lead <= 0xf7) || lead === 0xa1 || lead === 0xa3)) common++
  }
  return common >= 0.9 * all
}

/** At most three in ten letters are beyond ASCII: so in Western European languages, not in Greek or Cyrillic. */
function mostlyAscii(bytes: Uint8Array): boolean {
  let [ascii, beyond] = [0, 0]
  for (const byte of bytes) {
    if (byte >= 0x80) beyond++
    else if ((byte | 32) >= 97 && (byte | 32) <= 122) ascii++
  }
  return beyond <= 0.3 * (ascii + beyond)
}

function decodes(bytes: Uint8Array, name: string): boolean {
  try {
    new TextDecoder(name, { fatal: true }).decode(bytes, { stream: true })
    return true
  } catch {
    return false
  }
}

/** Refuses an encoding this Node does not know. */
export function namedEncoding(name: string, bom: number): Encoding {
  try {
    return { name: new TextDecoder(name).encoding, bom }
  } catch (cause) {
    throw new VolantError(
      'unknown-encoding',
      `The encoding "${name}" is not known; use utf-8, utf-16le, gb18030, windows-1252 or another WHATWG name.`,
      { encoding: name },
      { cause },
    )
  }
}

/** Length of the longest prefix that does not end inside a UTF-8 sequence. */
export function utf8Boundary(bytes: Uint8Array): number {
  for (let back = 1; back <= Math.min(4, bytes.length); back++) {
    const byte = bytes[bytes.length - back]!
    if ((byte & 0xc0) === 0x80) continue
    const needs = byte < 0x80 ? 1 : byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : byte >= 0xc0 ? 2 : 1
    return needs > back ? bytes.length - back : bytes.length
  }
  return bytes.length
}
