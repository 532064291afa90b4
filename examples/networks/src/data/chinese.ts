import { join } from 'node:path'
import { openTable } from '@volant/data'
import { readJsonLines } from './text.js'

const sentenceEnd = /(?<=[。！？!?；;\n])/

/** Sentences, at most `longest` characters each, of Chinese data sets: encyclopaedia, news headlines, reviews. */
export async function chineseSentences(folder: string, longest = 80): Promise<string[]> {
  const texts = [
    ...passages(join(folder, 'cmrc2018_part', 'dev.jsonl.gz')),
    ...(await textColumn(join(folder, 'thucnews_titles_part', 'train.csv'), 'text')),
    ...(await textColumn(join(folder, 'chnsenticorp_hotel', 'train.csv.gz'), 'text')),
    ...(await textColumn(join(folder, 'online_shopping_10_cats', 'train.csv.gz'), 'text')),
  ]
  return texts.flatMap((text) =>
    text
      .split(sentenceEnd)
      .map((sentence) => sentence.trim().slice(0, longest))
      .filter((sentence) => sentence.length > 3),
  )
}

async function textColumn(file: string, name: string): Promise<string[]> {
  const table = await openTable(file)
  const cells = await table.column(name)
  await table.close()
  return cells.map(String)
}

/** Each passage once: several questions are asked about it. */
const passages = (file: string): string[] => [
  ...new Set(readJsonLines<{ context: string }>(file).map(({ context }) => context)),
]
