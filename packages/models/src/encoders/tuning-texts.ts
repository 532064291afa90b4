import type { Tensor } from '@volant/graph'
import type { Random } from '@volant/nn'
import { ModelsError } from '../errors.js'
import type { EmbeddingExamples, LabelledTexts, ScoredPairs, TextPairs } from './examples.js'

/** Examples as rows of several texts with a target. */
export interface Drawn {
  readonly rows: number
  /** The first text of each row, the second, and perhaps a negative. */
  readonly sides: readonly (readonly string[])[]
  /** `groups`: int64, rows of one group are no negatives of each other; `scores`: float32 from 0 to 1. */
  readonly target: 'groups' | 'scores'
  targets(rows: Int32Array): Tensor
  /** Which text of a side a row takes. */
  place(side: number, row: number, random: Random): number
}

/** Throws ModelsError `no-pairs` where there is nothing to learn from. */
export function textsOf(examples: EmbeddingExamples): Drawn {
  const { length } =
    examples.kind === 'pairs' ? examples.queries : examples.kind === 'scored' ? examples.first : examples.texts
  if (length === 0) throw new ModelsError('no-pairs', 'There are no examples to learn from.')
  if (examples.kind === 'pairs') return pairs(examples)
  return examples.kind === 'scored' ? scored(examples) : labelled(examples)
}

const own = (_side: number, row: number) => row

function pairs({ queries, answers, negatives }: TextPairs): Drawn {
  const sides = negatives ? [queries, answers, negatives] : [queries, answers]
  return {
    rows: queries.length,
    sides,
    target: 'groups',
    targets: groupTensor(connected(queries, answers)),
    place: own,
  }
}

function scored({ first, second, scores }: ScoredPairs): Drawn {
  const least = scores.reduce((a, b) => Math.min(a, b))
  const range = scores.reduce((a, b) => Math.max(a, b)) - least
  if (!(range > 0))
    throw new ModelsError('no-pairs', `All ${scores.length} scores are ${least}: there is nothing to learn.`)
  const targets = (rows: Int32Array): Tensor => ({
    dtype: 'float32',
    dims: [rows.length],
    data: Float32Array.from(rows, (row) => (scores[row]! - least) / range),
  })
  return { rows: first.length, sides: [first, second], target: 'scores', targets, place: own }
}

/** Each text whose label has several, beside another of the label, drawn when its batch is made. */
function labelled({ texts, labels }: LabelledTexts): Drawn {
  const members = new Map<string, number[]>()
  labels.forEach((label, row) => {
    const same = members.get(label)
    if (same) same.push(row)
    else members.set(label, [row])
  })
  const classes = [...members.values()].filter(({ length }) => length > 1)
  const rows = classes.flat()
  if (rows.length === 0) throw new ModelsError('no-pairs', 'No label has two texts: there are no pairs to learn from.')
  const some = rows.map((row) => texts[row]!)
  const groups: number[] = []
  const starts: number[] = []
  classes.forEach((same, group) => {
    const start = groups.length
    for (const _ of same) {
      groups.push(group)
      starts.push(start)
    }
  })
  return {
    rows: rows.length,
    sides: [some, some],
    target: 'groups',
    targets: groupTensor(groups),
    place(side, row, random) {
      if (side === 0) return row
      const start = starts[row]!
      const other = start + random.integer(classes[groups[row]!]!.length - 1)
      return other < row ? other : other + 1
    },
  }
}

const groupTensor =
  (groups: readonly number[]) =>
  (rows: Int32Array): Tensor => ({
    dtype: 'int64',
    dims: [rows.length],
    data: BigInt64Array.from(rows, (row) => BigInt(groups[row]!)),
  })

/** Rows that share a query or an answer, also by way of others, get the same number. */
function connected(queries: readonly string[], answers: readonly string[]): number[] {
  const parents = queries.map((_, row) => row)
  const root = (row: number): number => {
    let at = row
    while (parents[at] !== at) {
      parents[at] = parents[parents[at]!]!
      at = parents[at]!
    }
    return at
  }
  for (const texts of [queries, answers]) {
    const firsts = new Map<string, number>()
    texts.forEach((text, row) => {
      const first = firsts.get(text)
      if (first === undefined) firsts.set(text, row)
      else parents[root(row)] = root(first)
    })
  }
  return parents.map((_, row) => root(row))
}
