import { createWriteStream } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { PassThrough, type Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { openTable, type Row, type Table, VolantError } from '@volant/data'
import { isPredictionError, loadModel, type Prediction, type TrainedModel } from '@volant/fields'
import { command } from '../command.js'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

/** Rows handed to the model at once. */
const BATCH = 256

/** A row to predict, or why it could not be read. */
type Item = ({ row: Row } | { message: string }) & {
  /** Nothing follows at once: answer now. */
  alone?: boolean
}

export const predict = command({
  name: 'predict',
  summary: 'Predict rows: one JSON line a row, in order',
  arguments: [
    { name: 'model', description: 'model folder', required: true },
    { name: 'data', description: 'data file, or - for JSON lines or CSV on stdin (default)', required: false },
  ],
  options: ['json'],
  examples: [
    ['volant predict model new.csv > answers.jsonl', 'a file'],
    [`echo '{"message":"where is my card?"}' | volant predict model`, 'JSON lines, answered as they come'],
  ],
  async run([folder, data = '-'], _options, terminal) {
    if (data === '-' && process.stdin.isTTY) throw new Usage('predict needs a data file, or rows on stdin')
    const model = await loadModel(folder!, { worker: false })
    try {
      const bad = await predictAll(
        model,
        data === '-' ? stdinItems(process.stdin) : fileItems(data, terminal.signal),
        terminal,
      )
      if (bad) throw new VolantError('bad-rows', `${bad} of the rows could not be predicted; their lines say why.`)
    } finally {
      await model.close()
    }
  },
})

/** Prints a line for each item. @returns how many were bad. */
async function predictAll(model: TrainedModel, items: AsyncIterable<Item>, terminal: Terminal): Promise<number> {
  let done = 0
  let bad = 0
  let waiting: Item[] = []
  const flush = async () => {
    const rows = waiting.flatMap((item) => ('row' in item ? [item.row] : []))
    const predictions = rows.length ? await model.predict(rows) : []
    let next = 0
    const lines = waiting.map((item) => {
      done++
      const prediction: Prediction =
        'row' in item ? predictions[next++]! : { error: { row: done, message: item.message } }
      if (!isPredictionError(prediction)) return JSON.stringify(prediction)
      bad++
      return JSON.stringify({ error: { row: done, message: prediction.error.message } })
    })
    waiting = []
    if (lines.length) terminal.print(lines.join('\n'))
  }
  for await (const item of items) {
    terminal.signal.throwIfAborted()
    waiting.push(item)
    // A line that came alone is answered at once; a file goes in batches.
    if (waiting.length >= BATCH || item.alone) await flush()
  }
  await flush()
  return bad
}

/** The rows of a file in its order, malformed ones in their places as far as their lines are known. */
async function* fileItems(file: string, signal: AbortSignal): AsyncIterable<Item> {
  const table = await openTable(file, { signal })
  try {
    yield* tableItems(table)
  } finally {
    await table.close()
  }
}

async function* tableItems(table: Table): AsyncIterable<Item> {
  const rejected = table.rejected.map(({ line, reason }) => ({ line, message: `line ${line}: ${reason}` }))
  let nextRejected = 0
  let index = 0
  for await (const row of table.rows()) {
    const line = table.lineOf?.(index++)
    while (line !== undefined && nextRejected < rejected.length && rejected[nextRejected]!.line < line) {
      yield { message: rejected[nextRejected++]!.message }
    }
    yield { row }
  }
  while (nextRejected < rejected.length) yield { message: rejected[nextRejected++]!.message }
  for (let more = rejected.length; more < table.rejectedCount; more++) yield { message: 'malformed row' }
}

/** Rows on stdin: JSON lines when the first character is `{`, else a CSV file. */
async function* stdinItems(stdin: Readable): AsyncIterable<Item> {
  const { first, stream } = await peek(stdin)
  if (first !== '{') {
    yield* spooledItems(stream)
    return
  }
  for await (const line of createInterface({ input: stream, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() !== '') yield { ...parseLine(line), alone: stream.readableLength === 0 }
  }
}

/** @returns the first character that is not white space or a byte order mark, and the whole stream from its start. */
async function peek(source: Readable): Promise<{ first: string; stream: PassThrough }> {
  const stream = new PassThrough()
  const head: Buffer[] = []
  for await (const chunk of source.iterator({ destroyOnReturn: false })) {
    head.push(Buffer.from(chunk as Uint8Array))
    if (/[^\s\uFEFF]/.test(Buffer.concat(head).toString('utf8'))) break
  }
  for (const chunk of head) stream.write(chunk)
  if (source.readableEnded) stream.end()
  else source.pipe(stream)
  return {
    first: Buffer.concat(head)
      .toString('utf8')
      .replace(/^[\s\uFEFF]+/, '')
      .charAt(0),
    stream,
  }
}

function parseLine(line: string): Item {
  let value: unknown
  try {
    value = JSON.parse(line)
  } catch (error) {
    return { message: `not a JSON object: ${(error as Error).message}` }
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return {
      message: `expected a JSON object with the input columns, found ${Array.isArray(value) ? 'a list' : JSON.stringify(value)}`,
    }
  }
  return { row: value as Row }
}

/** CSV has to be seen whole (delimiter, encoding), so stdin is kept in a temporary file first. */
async function* spooledItems(stream: Readable): AsyncIterable<Item> {
  const folder = await mkdtemp(path.join(tmpdir(), 'volant-stdin-'))
  try {
    const file = path.join(folder, 'stdin.csv')
    await pipeline(stream, createWriteStream(file))
    try {
      yield* fileItems(file, new AbortController().signal)
    } catch (error) {
      if (!(error instanceof VolantError)) throw error
      throw new VolantError(error.code, error.message.replaceAll(`"${file}"`, 'Standard input'), {}, { cause: error })
    }
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
