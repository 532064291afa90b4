/** Word n-grams of `min` to `max` words, joined by a space, shorter ones first. */
export function wordNgrams(tokens: readonly string[], min = 1, max = 2): string[] {
  const grams: string[] = []
  for (let n = min; n <= max; n++) {
    if (n === 1) {
      for (const token of tokens) grams.push(token)
      continue
    }
    for (let at = 0; at + n <= tokens.length; at++) {
      let gram = tokens[at]!
      for (let next = at + 1; next < at + n; next++) gram += ` ${tokens[next]}`
      grams.push(gram)
    }
  }
  return grams
}

/**
 * Character n-grams inside words padded by one space on both sides, in the order of scikit-learn's analyzer='char_wb':
 * per word, shorter n first; a word shorter than n is given whole, once. Characters are code points; case is kept.
 */
export function charNgrams(text: string, min = 2, max = 5): string[] {
  const grams: string[] = []
  eachCharNgram(text, min, max, (gram) => grams.push(gram))
  return grams
}

/** As `charNgrams`, handing each n-gram to `visit` instead of holding them all. */
export function eachCharNgram(text: string, min: number, max: number, visit: (gram: string) => void): void {
  for (const word of spacedWords(text)) eachGramOf(` ${word} `, min, max, visit)
}

/** What Python's str.split() does not see as white space. JavaScript's \s differs in five characters. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what this is about
const spacedWord = /[^\t-\r\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/g

function spacedWords(text: string): string[] {
  return text.match(spacedWord) ?? []
}

function eachGramOf(padded: string, min: number, max: number, visit: (gram: string) => void): void {
  if (/[\ud800-\udfff]/.test(padded)) {
    eachCodePointGram(Array.from(padded), min, max, visit)
    return
  }
  for (let n = min; n <= max; n++) {
    if (padded.length <= n) {
      visit(padded)
      return
    }
    for (let at = 0; at + n <= padded.length; at++) visit(padded.slice(at, at + n))
  }
}

function eachCodePointGram(points: string[], min: number, max: number, visit: (gram: string) => void): void {
  for (let n = min; n <= max; n++) {
    if (points.length <= n) {
      visit(points.join(''))
      return
    }
    for (let at = 0; at + n <= points.length; at++) visit(points.slice(at, at + n).join(''))
  }
}

const unspacedRuns =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}々〆ー]+/gu

/** Character n-grams of `min` to `max` code points inside runs of scripts written without spaces (Chinese and others). */
export function unspacedNgrams(text: string, min = 1, max = 3): string[] {
  const grams: string[] = []
  for (const run of text.match(unspacedRuns) ?? []) {
    // Where every character is one unit, cutting the string is several times faster than joining characters.
    const points = /[\ud800-\udfff]/.test(run) ? Array.from(run) : undefined
    const length = points?.length ?? run.length
    for (let n = min; n <= max; n++) {
      for (let at = 0; at + n <= length; at++)
        grams.push(points ? points.slice(at, at + n).join('') : run.slice(at, at + n))
    }
  }
  return grams
}
