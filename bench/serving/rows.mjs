// What is trained on and asked: banking77 beside the project where it is, else rows made from words.
import fs from 'node:fs'

const folder = new URL('../../../shared/data/banking77/', import.meta.url)

/** The name of the data, training rows as CSV, and texts to ask. */
export function rows() {
  if (!fs.existsSync(folder)) return { data: 'generated', ...generated() }
  const csv = (file) => fs.readFileSync(new URL(file, folder), 'utf8')
  return { data: 'banking77', csv: csv('train.csv'), texts: firstColumn(csv('test.csv')) }
}

/** 40 classes of 100 texts; a text of 12 words has four of its class. */
function generated(classes = 40, each = 100) {
  const word = (n) => `${'bcdfghklmnprstvz'[n % 16]}${'aeiou'[n % 5]}${'lmnrst'[n % 6]}${n.toString(36)}`
  const text = (label, n) =>
    Array.from({ length: 12 }, (_, at) =>
      word(at % 3 ? ((n * 31 + at * 17) % 900) + 500 : label * 9 + ((n + at) % 9)),
    ).join(' ')
  const labels = Array.from({ length: classes * each }, (_, n) => n % classes)
  return {
    csv: `text,label\n${labels.map((label, n) => `${text(label, n)},class ${label}`).join('\n')}\n`,
    texts: labels.map((label, n) => text(label, n + 7)),
  }
}

/** The first column of a CSV file (RFC 4180), without its header. */
function firstColumn(csv) {
  const lines = csv.matchAll(/(?:"((?:[^"]|"")*)"|([^,\r\n]*)),[^\r\n]*\r?\n/g)
  return Array.from(lines, ([, quoted, plain]) => quoted?.replaceAll('""', '"') ?? plain).slice(1)
}
