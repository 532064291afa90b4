// The rows both learn: sets of ../shared/data where that folder is, else rows made from words. The same rows in every run.
import fs from 'node:fs'
import { openTable } from '@volant/data'
import { Random } from '@volant/nn'

const folder = new URL('../../../shared/data/', import.meta.url)
const wanted = 100_000

/** English sets by file of training and test rows, how a text is made of a row, and the column of its label. */
const english = [
  ['banking77', 'train.csv', 'test.csv', ({ text }) => text, 'label'],
  ['hwu64', 'train.csv', 'test.csv', ({ text }) => text, 'label'],
  ['snips', 'train.jsonl.gz', 'test.jsonl', ({ tokens }) => JSON.parse(tokens).join(' '), 'intent'],
  ['ag_news_part', 'train.csv.gz', 'test.csv', ({ title, text }) => `${title}. ${text}`, 'label'],
  ['sst2', 'train.csv', 'test.csv', ({ text }) => text, 'label'],
  ['sms_spam', 'train.csv', 'test.csv', ({ text }) => text, 'label'],
]

/** `{ data, train, test }`, rows `{ text, label }`: `mixed` has 100,000, `reviews` those of a Chinese set of 50,214. */
export async function rows(name) {
  if (!fs.existsSync(folder)) return { data: 'generated', ...generated() }
  const { train, test } = await { mixed, reviews }[name]()
  new Random(1, 'row order').shuffle(train) // fastText takes them as they come
  return { data: name, train, test }
}

/** Six English sets as one of 156 classes; rows drawn again lack each word with probability 0.1. */
async function mixed() {
  const train = []
  const test = []
  for (const [name, trainFile, testFile, textOf, label] of english) {
    const read = (file) => readRows(`${name}/${file}`, (row) => ({ text: textOf(row), label: `${name} ${row[label]}` }))
    train.push(...(await read(trainFile)))
    test.push(...(await read(testFile)))
  }
  const random = new Random(1, 'word dropout')
  const own = train.length
  while (train.length < wanted) {
    const { text, label } = train[random.integer(own)]
    const kept = text.split(' ').filter(() => random.uniform() >= 0.1)
    if (kept.length > 0) train.push({ text: kept.join(' '), label })
  }
  return { train, test }
}

/** Chinese reviews of shops by category of the goods. */
async function reviews() {
  const read = (file) =>
    readRows(`online_shopping_10_cats/${file}`, ({ text, category }) => ({ text, label: category }))
  return { train: await read('train.csv.gz'), test: await read('test.csv.gz') }
}

async function readRows(file, rowOf) {
  const table = await openTable(new URL(file, folder).pathname)
  const all = []
  for await (const row of table.rows()) all.push(rowOf(row))
  await table.close()
  return all.filter(({ text }) => /\S/.test(text))
}

/** 100 classes; words by Zipf's law, every fourth from the 40 of the class, which share half with the next. */
function generated() {
  const random = new Random(1, 'generated rows')
  const word = (n) => `${'bcdfghklmnprstvz'[n % 16]}${'aeiou'[n % 5]}${'lmnrst'[n % 6]}${n.toString(36)}`
  const zipf = (size) => Math.floor(size ** random.uniform())
  const row = (_, n) => {
    const label = n % 100
    const wordAt = (_, at) => word(at % 4 === 0 ? 30_000 + label * 20 + zipf(40) : zipf(30_000))
    return { text: Array.from({ length: 6 + random.integer(20) }, wordAt).join(' '), label: `class ${label}` }
  }
  return { train: Array.from({ length: wanted }, row), test: Array.from({ length: wanted / 20 }, row) }
}
