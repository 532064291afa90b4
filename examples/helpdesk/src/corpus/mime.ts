import { htmlToText } from '@volant/data'
import { decodeCharset, decodeTransfer, decodeWords } from './encodings.js'

/** Header values by lower-case name, in the order they stand in the mail (the newest Received is the first). */
export type Headers = Map<string, string[]>

/** A mail taken apart: headers still encoded, body as the plain text a reader would see. */
export interface Mail {
  headers: Headers
  body: string
}

/** Reads a mail (RFC 5322, MIME) from its raw bytes as a binary string; a leading mbox "From " line is ignored. */
export function parseMail(raw: string): Mail {
  const { headers, body } = splitEntity(raw.replace(/\r\n?/g, '\n').replace(/^From [^\n]*\n/, ''))
  return { headers, body: textOf(headers, body) }
}

/** The first value of a header, decoded; empty when it is missing. */
export function header(headers: Headers, name: string): string {
  const value = headers.get(name)?.[0] ?? ''
  return decodeWords(/[\x80-\xff]/.test(value) ? decodeCharset(value, 'windows-1252') : value).trim()
}

function splitEntity(raw: string): { headers: Headers; body: string } {
  const end = raw.startsWith('\n') ? 0 : raw.search(/\n\n/)
  const head = end < 0 ? raw : raw.slice(0, end)
  const headers: Headers = new Map()
  for (const line of head.replace(/\n[ \t]+/g, ' ').split('\n')) {
    const [, name, value] = /^([!-9;-~]+):\s*(.*)$/.exec(line) ?? []
    if (!name) continue
    const key = name.toLowerCase()
    headers.set(key, [...(headers.get(key) ?? []), value ?? ''])
  }
  return { headers, body: end < 0 ? '' : raw.slice(end).replace(/^\n+/, '') }
}

function textOf(headers: Headers, body: string): string {
  const contentType = headers.get('content-type')?.[0] ?? 'text/plain'
  const type = /^[^\s;]+/.exec(contentType)?.[0].toLowerCase() ?? 'text/plain'
  if (type.startsWith('multipart/')) return multipartText(type, contentType, body)
  const bytes = decodeTransfer(body, headers.get('content-transfer-encoding')?.[0] ?? '')
  if (type === 'message/rfc822') return parseMail(bytes).body
  if (/^attachment/i.test(headers.get('content-disposition')?.[0] ?? '')) return ''
  if (type === 'text/html') return htmlToText(decodeCharset(bytes, charsetOf(contentType) ?? metaCharset(bytes) ?? ''))
  if (type === 'text/plain' || !type.includes('/')) return decodeCharset(bytes, charsetOf(contentType) ?? '')
  if (type === 'text/enriched') return htmlToText(decodeCharset(bytes, charsetOf(contentType) ?? ''))
  return ''
}

/** Alternatives: the plain text if there is one, else the last that has text. Other multiparts: all parts, one after another. */
function multipartText(type: string, contentType: string, body: string): string {
  const boundary = parameter(contentType, 'boundary')
  if (!boundary) return body
  const parts = body
    .split(`--${boundary}`)
    .slice(1)
    .filter((part) => !part.startsWith('--'))
    .map((part) => splitEntity(part.replace(/^[ \t]*\n/, '')))
  const texts = parts.map((part) => textOf(part.headers, part.body))
  if (type !== 'multipart/alternative') return texts.filter(Boolean).join('\n\n')
  const plain = parts.findIndex(
    (part, i) => texts[i]?.trim() && /^text\/plain/i.test(part.headers.get('content-type')?.[0] ?? 'text/plain'),
  )
  return plain >= 0 ? (texts[plain] ?? '') : (texts.findLast((text) => text.trim()) ?? '')
}

const charsetOf = (contentType: string) => parameter(contentType, 'charset')

const metaCharset = (html: string) => /<meta[^>]+charset=["']?([\w-]+)/i.exec(html.slice(0, 2000))?.[1]

function parameter(contentType: string, name: string): string | undefined {
  const [, quoted, bare] = new RegExp(`;\\s*${name}\\s*=\\s*(?:"([^"]*)"|([^\\s;]+))`, 'i').exec(contentType) ?? []
  return quoted ?? bare
}
