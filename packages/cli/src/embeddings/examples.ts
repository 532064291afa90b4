import { VolantError } from '@volant/data'
import type { EmbeddingExamples } from '@volant/models'
import type { OptionValues } from '../options.js'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'
import { asText, withTable } from './texts.js'

export type ExampleOptions = OptionValues<'inputs' | 'outputs' | 'score' | 'where'>

/** Refuses columns that are none of the three kinds of examples. */
export function checkExamples({ inputs = [], outputs, score }: ExampleOptions, negatives: boolean): void {
  const labelled = outputs?.length === 1 && inputs.length === 1 && score === undefined
  const scored = inputs.length === 2 && score !== undefined && !outputs
  const pairs = (inputs.length === 2 || (negatives && inputs.length === 3)) && score === undefined && !outputs
  if (labelled || scored || pairs) return
  throw new Usage(
    'expected --inputs query,answer for pairs; --inputs a,b --score column for scored pairs; or --inputs text --outputs label for labelled texts',
  )
}

/** Reads examples of a file: pairs, scored pairs or labelled texts, as the options name columns. */
export async function readExamples(
  file: string,
  given: ExampleOptions,
  terminal: Terminal,
): Promise<EmbeddingExamples> {
  const { inputs = [], outputs = [], score, where } = given
  const extra = [score, where?.column].filter((name) => name !== undefined)
  const columns = await withTable(file, terminal, (table) =>
    table.toColumns([...new Set([...inputs, ...outputs, ...extra])]),
  )
  const chosen = Array.from(columns[inputs[0]!]!.keys()).filter(
    (row) => where === undefined || asText(columns[where.column]![row]) === where.value,
  )
  if (chosen.length === 0)
    throw new VolantError('no-rows', `${file} has no row${where ? ` whose ${where.column} is ${where.value}` : ''}.`)
  const texts = (name: string) => chosen.map((row) => asText(columns[name]![row]))
  if (outputs[0] !== undefined) return { kind: 'labelled', texts: texts(inputs[0]!), labels: texts(outputs[0]) }
  const [first, second, third] = inputs.map(texts) as [string[], string[], string[]?]
  if (score !== undefined)
    return { kind: 'scored', first, second, scores: texts(score).map((text, i) => numberOf(text, file, score, i)) }
  return { kind: 'pairs', queries: first, answers: second, ...(third && { negatives: third }) }
}

function numberOf(text: string, file: string, column: string, row: number): number {
  const number = text.trim() === '' ? Number.NaN : Number(text)
  if (Number.isFinite(number)) return number
  throw new VolantError(
    'bad-score',
    `${file}: the column "${column}" has ${JSON.stringify(text)} in row ${row + 1}, expected a number.`,
  )
}
