// Bytes to text as mail does it. A raw mail travels here as a "binary string": one character (0..255) a byte.
import { TextDecoder } from 'node:util'

/** Text of a binary string in `charset`; unknown names and ASCII count as windows-1252, as browsers do. */
export function decodeCharset(binary: string, charset = 'utf-8'): string {
  return decoderOf(charset).decode(Buffer.from(binary, 'latin1'))
}

function decoderOf(charset: string): TextDecoder {
  try {
    return new TextDecoder(charset.trim())
  } catch {
    return new TextDecoder('windows-1252')
  }
}

/** Undoes a Content-Transfer-Encoding (RFC 2045): quoted-printable and base64; everything else is as it stands. */
export function decodeTransfer(body: string, encoding: string): string {
  const name = encoding.trim().toLowerCase()
  if (name === 'quoted-printable') return decodeQuotedPrintable(body)
  if (name === 'base64') return Buffer.from(body, 'base64').toString('latin1')
  return body
}

function decodeQuotedPrintable(text: string): string {
  return text
    .replace(/[ \t]+$/gm, '')
    .replace(/=\r?\n/g, '')
    .replace(/=([0-9A-Fa-f]{2})/g, (_, hex: string) => byte(hex))
}

const byte = (hex: string) => String.fromCharCode(Number.parseInt(hex, 16))

/** Decodes the encoded words of a header value, `=?iso-8859-1?Q?caf=E9?=` (RFC 2047). */
export function decodeWords(value: string): string {
  const joined = value.replace(/\?=\s+=\?/g, '?==?')
  return joined.replace(/=\?([^?\s]+)\?([bq])\?([^?]*)\?=/gi, (_, charset: string, kind: string, word: string) => {
    const binary =
      kind.toLowerCase() === 'b' ? decodeTransfer(word, 'base64') : decodeQuotedPrintable(word.replace(/_/g, ' '))
    return decodeCharset(binary, charset)
  })
}
