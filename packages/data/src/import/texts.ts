import { VolantError } from '../errors.js'
import { isMissing } from '../types.js'
import { BAD_BYTES, OtherEncoding, textBlocks } from './blocks.js'
import { detectEncoding, type Encoding, namedEncoding } from './encoding.js'
import { type FileHead, formatOf, readHead } from './head.js'
import { openTable } from './open.js'

export interface TextsOptions {
  /** The column that holds the texts of a table; by default the one named "text", or the only one. */
  readonly column?: string
  /** Plain text in pieces of whole lines of some 65,536 characters, as it is, instead of line by line: for models that write. */
  readonly asWritten?: boolean
  readonly signal?: AbortSignal
}

/** Characters of a piece of text as it is written. */
const pieceLength = 65_536

/**
 * The texts of a file: the lines of a .txt or .md file that are not blank, else the cells of a column of a CSV, TSV, JSONL or
 * Parquet file that are not empty; all may be gzipped.
 * @throws VolantError which-column, missing-column, binary-file, and those of `openTable`
 */
export async function* readTexts(path: string, options: TextsOptions = {}): AsyncGenerator<string> {
  const head = await readHead(path)
  const isPlain = /\.(txt|md)(\.gz)?$/i.test(path)
  const texts = isPlain ? lines(head, options) : cells(path, options)
  for await (const text of isPlain && options.asWritten ? joined(texts) : texts) if (text.trim() !== '') yield text
}

async function* joined(lines: AsyncIterable<string>): AsyncGenerator<string> {
  let piece = ''
  let isFirst = true
  for await (const line of lines) {
    piece += isFirst ? line : `\n${line}`
    isFirst = false
    if (piece.length < pieceLength) continue
    yield piece
    piece = ''
  }
  yield piece
}

async function* lines(head: FileHead, { column, signal }: TextsOptions): AsyncGenerator<string> {
  if (column !== undefined)
    throw new VolantError('missing-column', `"${head.path}" is plain text and has no column "${column}".`, { column })
  formatOf(head)
  const found = detectEncoding(head.start, head.whole)
  const read = (encoding: Encoding, guessed: boolean) => linesOf(head, encoding, guessed, signal)
  try {
    yield* read(found, found.bom === 0)
  } catch (error) {
    if (!(error instanceof OtherEncoding)) throw error
    yield* read(namedEncoding(error.encoding, 0), false)
  }
}

async function* linesOf(
  { path, gzip }: FileHead,
  encoding: Encoding,
  guessed: boolean,
  signal: AbortSignal | undefined,
): AsyncGenerator<string> {
  let rest = ''
  for await (const block of textBlocks({ path, gzip, signal }, encoding, guessed)) {
    const all = (rest + block.replaceAll(BAD_BYTES, '\ufffd')).split(/\r?\n/)
    rest = all.pop()!
    yield* all
  }
  yield rest
}

async function* cells(path: string, { column, signal }: TextsOptions): AsyncGenerator<string> {
  const table = await openTable(path, { signal })
  try {
    const names = table.columns.map(({ name }) => name)
    const name = column ?? (names.includes('text') ? 'text' : names.length === 1 ? names[0]! : undefined)
    if (name === undefined)
      throw new VolantError(
        'which-column',
        `"${path}" has no column "text"; name the one with the texts: ${names.join(', ')}.`,
        {
          path,
          columns: names,
        },
      )
    for (const cell of await table.column(name)) if (!isMissing(cell)) yield String(cell)
  } finally {
    await table.close()
  }
}
