export interface CleanOptions {
  /** Unicode normal form; NFC by default. NFKC also folds full-width letters, ligatures and the like. */
  unicode?: 'NFC' | 'NFKC' | 'none'
  /** Turn HTML into its text; false by default. */
  html?: boolean
  /** Fold runs of white space into one space and trim; true by default. */
  whitespace?: boolean
  /** Remove control and invisible formatting characters; true by default. */
  controls?: boolean
}

/** Cleans a text: HTML to text, Unicode form, control characters, white space, in this order. Linear in its length. */
export function cleanText(text: string, options: CleanOptions = {}): string {
  const { unicode = 'NFC', html = false, whitespace = true, controls = true } = options
  let cleaned = html ? htmlToText(text) : text
  if (unicode !== 'none') cleaned = cleaned.normalize(unicode)
  if (controls) cleaned = removeControls(cleaned)
  return whitespace ? cleaned.replace(/[\s\u0085]+/g, ' ').trim() : cleaned
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const controlCharacters = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u0084\u0086-\u009f]/g
const invisibleCharacters = /[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]/g

/** Controls but tab and line ends, zero-width and direction marks, lone surrogates. The emoji joiner stays. */
function removeControls(text: string): string {
  return text
    .replace(controlCharacters, '')
    .replace(invisibleCharacters, '')
    .replace(/\p{Surrogate}/gu, '\ufffd')
}

const entities: Record<string, string> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: '\u00a0',
  copy: '©',
  reg: '®',
  trade: '™',
  hellip: '…',
  mdash: '—',
  ndash: '–',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  bull: '•',
  middot: '·',
  laquo: '«',
  raquo: '»',
  euro: '€',
  pound: '£',
  yen: '¥',
  cent: '¢',
  deg: '°',
  times: '×',
  divide: '÷',
  sect: '§',
  para: '¶',
  eacute: 'é',
  egrave: 'è',
  agrave: 'à',
  aacute: 'á',
  ccedil: 'ç',
  ntilde: 'ñ',
  ouml: 'ö',
  auml: 'ä',
  uuml: 'ü',
  Ouml: 'Ö',
  Auml: 'Ä',
  Uuml: 'Ü',
  szlig: 'ß',
  oacute: 'ó',
  iacute: 'í',
  uacute: 'ú',
  acirc: 'â',
  ecirc: 'ê',
  ocirc: 'ô',
}

const blockTags = new Set(
  'address article aside blockquote br dd div dl dt fieldset figure footer form h1 h2 h3 h4 h5 h6 header hr li main nav ol p pre section table td th tr ul title option'.split(
    ' ',
  ),
)
const hiddenTags = new Set(['script', 'style', 'noscript', 'template', 'svg'])

/**
 * The text of an HTML fragment: tags and comments go, block tags become line ends, scripts and styles vanish with
 * their content, entities are decoded. A "<" that opens no tag stays. One pass over the text.
 */
export function htmlToText(html: string): string {
  let out = ''
  let at = 0
  const closings = new Map<string, number>()
  while (at < html.length) {
    const open = html.indexOf('<', at)
    if (open < 0) break
    out += html.slice(at, open)
    const end = endOfTag(html, open)
    if (end < 0) {
      out += '<'
      at = open + 1
      continue
    }
    const name = /^<\/?([a-zA-Z][a-zA-Z0-9]*)/.exec(html.slice(open, open + 30))?.[1]?.toLowerCase() ?? ''
    at = end
    if (hiddenTags.has(name) && html[open + 1] !== '/') at = afterClosing(html, name, end, closings)
    else if (blockTags.has(name)) out += '\n'
  }
  return decodeEntities(out + html.slice(at))
}

/** Index behind the tag or comment that opens at `open`, or -1 when none does. */
function endOfTag(html: string, open: number): number {
  if (html.startsWith('<!--', open)) {
    const end = html.indexOf('-->', open + 4)
    return end < 0 ? html.length : end + 3
  }
  const next = html.charCodeAt(open + 1)
  const letter = (next | 32) >= 97 && (next | 32) <= 122
  if (!letter && next !== 47 && next !== 33 && next !== 63) return -1
  for (let at = open + 1; at < html.length && at < open + 5000; at++) {
    const code = html.charCodeAt(at)
    if (code === 62) return at + 1
    if (code === 60) return -1
    if (code === 34 || code === 39) {
      const close = html.indexOf(html[at]!, at + 1)
      if (close > 0 && close < open + 5000) at = close
    }
  }
  return -1
}

/** Index behind the tag that closes `name`; once none is found, none is looked for again. */
function afterClosing(html: string, name: string, from: number, closings: Map<string, number>): number {
  if (closings.get(name) === -1) return from
  const closing = new RegExp(`</${name}[^<>]{0,100}>`, 'gi')
  closing.lastIndex = from
  const found = closing.exec(html)
  if (!found) closings.set(name, -1)
  return found ? closing.lastIndex : from
}

function decodeEntities(text: string): string {
  if (!text.includes('&')) return text
  return text.replace(
    /&(?:#(\d{1,7})|#[xX]([0-9a-fA-F]{1,6})|([a-zA-Z]{2,8}));/g,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return entities[name] ?? whole
      const code = decimal === undefined ? Number.parseInt(hex!, 16) : Number(decimal)
      return code > 0 && code <= 0x10ffff && (code < 0xd800 || code > 0xdfff) ? String.fromCodePoint(code) : whole
    },
  )
}
