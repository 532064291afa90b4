import { describe, expect, it } from 'vitest'
import { randomStream } from '../prepare/random.js'
import { cleanText, htmlToText } from './clean.js'
import { murmur3 } from './hash.js'
import { maskContacts } from './mask.js'
import { charNgrams, eachCharNgram, unspacedNgrams, wordNgrams } from './ngrams.js'
import { words } from './words.js'

describe('words', () => {
  it('keeps letters, digits, _ and apostrophes inside words', () => {
    expect(words("Don't e-mail me_2 at 3.5, naïve Ünal’s!")).toEqual([
      "don't",
      'e',
      'mail',
      'me_2',
      'at',
      '3',
      '5',
      'naïve',
      'ünal’s',
    ])
    expect(words('Keep CASE', { lowerCase: false })).toEqual(['Keep', 'CASE'])
    expect(words(' …?! ')).toEqual([])
  })

  it('segments Chinese by jieba, also beside other scripts', () => {
    expect(words('我来到北京大学')).toEqual(['我', '来到', '北京大学'])
    expect(words('iPhone15手机,很好')).toEqual(['iphone15', '手机', '很', '好'])
  })

  it('segments Japanese and Thai', () => {
    expect(words('今日は良い天気です')).toEqual(['今日', 'は', '良い', '天気', 'です'])
    expect(words('สวัสดีชาวโลก')).toEqual(['สวัสดี', 'ชาว', 'โลก'])
  })

  it('loses no letter of a text without spaces, however long', () => {
    const text = '机器学习与联邦学习𠮷野家'.repeat(3000)
    expect(words(text).join('')).toBe(text)
    expect(words('東京へ行きます'.repeat(2000)).join('')).toBe('東京へ行きます'.repeat(2000))
  })
})

describe('n-grams', () => {
  it('of words', () => {
    expect(wordNgrams(['a', 'b', 'c'], 1, 2)).toEqual(['a', 'b', 'c', 'a b', 'b c'])
    expect(wordNgrams(['a', 'b', 'c'], 2, 4)).toEqual(['a b', 'b c', 'a b c'])
  })

  it("of characters as in scikit-learn's guide: CountVectorizer(analyzer='char_wb', ngram_range=(5, 5)) on 'jumpy fox'", () => {
    expect(charNgrams('jumpy fox', 5, 5).sort()).toEqual([' fox ', ' jump', 'jumpy', 'umpy '])
  })

  it("of characters, against the loop of scikit-learn's _char_wb_ngrams written out", () => {
    const random = randomStream(7)
    const letters = ['a', 'b', 'é', ' ', '  ', '\t', '\u00a0', '\u001f', '\ufeff', '汉', '😀', '.', '\u3000']
    for (let round = 0; round < 300; round++) {
      const text = Array.from(
        { length: Math.floor(random() * 12) },
        () => letters[Math.floor(random() * letters.length)],
      ).join('')
      const min = 1 + Math.floor(random() * 3)
      const max = min + Math.floor(random() * 4)
      expect(charNgrams(text, min, max)).toEqual(sklearnCharWb(text, min, max))
    }
  })

  it('are handed over one by one, too', () => {
    const seen: string[] = []
    eachCharNgram('ab c', 2, 3, (gram) => seen.push(gram))
    expect(seen).toEqual(charNgrams('ab c', 2, 3))
  })

  it('of unspaced scripts stay inside their runs', () => {
    expect(unspacedNgrams('你好吗a天𠮷', 1, 3)).toEqual([
      '你',
      '好',
      '吗',
      '你好',
      '好吗',
      '你好吗',
      '天',
      '𠮷',
      '天𠮷',
    ])
  })
})

/** The algorithm of sklearn/feature_extraction/text.py, _char_wb_ngrams, on code points and Python's white space. */
function sklearnCharWb(text: string, min: number, max: number): string[] {
  const space = new Set([...'\t\n\v\f\r \u001c\u001d\u001e\u001f\u0085\u00a0\u1680\u2028\u2029\u202f\u205f\u3000'])
  const parts: string[][] = [[]]
  for (const character of text) {
    if (space.has(character)) parts.push([])
    else parts[parts.length - 1]!.push(character)
  }
  const grams: string[] = []
  for (const part of parts.filter((letters) => letters.length > 0)) {
    const padded = [' ', ...part, ' ']
    for (let n = min; n <= max; n++) {
      let offset = 0
      grams.push(padded.slice(0, n).join(''))
      while (offset + n < padded.length) {
        offset++
        grams.push(padded.slice(offset, offset + n).join(''))
      }
      if (offset === 0) break
    }
  }
  return grams
}

describe('murmur3', () => {
  it.each([
    // Known answers of MurmurHash3_x86_32 (SMHasher and its ports).
    ['', 0, 0],
    ['', 1, 0x514e28b7],
    ['', 0xffffffff, 0x81f16f39],
    ['a', 0x9747b28c, 0x7fa09ea6],
    ['abc', 0x9747b28c, 0xc84a62dd],
    ['abcd', 0x9747b28c, 0xf0478627],
    ['ππππππππ', 0x9747b28c, 0xd58063c1],
    ['The quick brown fox jumps over the lazy dog', 0x9747b28c, 0x2fa826cd],
  ])('%s with seed %i', (text, seed, expected) => {
    expect(murmur3(text, seed)).toBe(expected)
  })

  it('hashes characters beyond the BMP as UTF-8, a lone surrogate as U+FFFD', () => {
    expect(murmur3('\ud800')).toBe(murmur3('\ufffd'))
    expect(murmur3('😀')).not.toBe(murmur3('\ufffd\ufffd'))
  })
})

describe('cleanText', () => {
  it('composes, drops controls and invisible marks, folds white space', () => {
    expect(cleanText(' e\u0301\u0000a\u200b\t b\r\n\u00a0c\ufeff ')).toBe('éa b c')
    expect(cleanText('👩\u200d👧 ok')).toBe('👩\u200d👧 ok')
    expect(cleanText('ﬁＡ', { unicode: 'NFKC' })).toBe('fiA')
    expect(cleanText('e\u0301', { unicode: 'none' })).toBe('e\u0301')
    expect(cleanText(' a  b ', { whitespace: false })).toBe(' a  b ')
    expect(cleanText('a\u0007b', { controls: false })).toBe('a\u0007b')
    expect(cleanText('a\ud800b')).toBe('a\ufffdb')
  })

  it('turns HTML into text', () => {
    const html =
      '<html><style>p{}</style><p class="a > b">Hi&nbsp;<b>you</b> &amp; &#x4f60;&#22909; &bogus;</p><!-- no --><script>x<y</script><br>1 < 2, a<b and c'
    expect(cleanText(html, { html: true })).toBe('Hi you & 你好 &bogus; 1 < 2, a<b and c')
    expect(htmlToText('plain < text & all')).toBe('plain < text & all')
    expect(htmlToText('<p>open <script> never closed')).toBe('\nopen  never closed')
  })
})

describe('speed', () => {
  const hard: [string, string][] = [
    ['digits', '1'.repeat(1e7)],
    ['digit groups', '12 '.repeat(4e5)],
    ['at signs', '@'.repeat(1e6)],
    ['address parts', 'a@b.'.repeat(3e5)],
    ['open tags', '<a href="'.repeat(2e5)],
    ['open scripts', '<script>'.repeat(2e5)],
    ['Chinese', '机器学习联邦学习'.repeat(125_000)],
    ['Japanese', 'これは良い天気ですね'.repeat(100_000)],
    ['one long word', 'x'.repeat(1e7)],
  ]
  it.each(hard)('of %s grows with the length alone', (_name, text) => {
    const started = performance.now()
    maskContacts(text)
    htmlToText(text)
    cleanText(text)
    words(text)
    murmur3(text)
    eachCharNgram(text, 2, 3, () => {})
    expect(performance.now() - started).toBeLessThan(10_000)
  })
})
