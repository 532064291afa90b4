/** Strings that tokenisers get wrong, then as many more drawn from awkward characters, the same ones every time. */
export function nastyStrings(more: number): string[] {
  let state = 7
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0 // Numerical Recipes' generator
    return Math.floor((state / 2 ** 32) * below)
  }
  const drawn = Array.from({ length: more }, () =>
    Array.from({ length: 1 + random(40) }, () => awkward[random(awkward.length)]).join(''),
  )
  return [...written, ...drawn]
}

const awkward = [
  ...'abcdefghijklmnopqrstuvwxyzABCXYZ0123456789      .,;:!?\'"-_()[]{}<>@#$%^&*+=/\\|~`\t\n',
  ...'éüßñçÅıİΣσςЖя中文字符测试的是了日本語한국어אבגدي👍😀🎉❤\uFE0F\u200D\u0301\u0308\u00A0\u3000\u2028▁𠀀𪚥',
]

const written = [
  '',
  '  ',
  ' a',
  'a ',
  '\t\n',
  'Hello  world',
  "don't can't I'll we've they're it's",
  'don’t it’s',
  'naïve café Ångström ÀÉÎ',
  'e\u0301 o\u0308 a\u0300\u0301\u0302b',
  'İstanbul ΣΑΣ ς Straße ẞ ŉ',
  'ﬁ ﬂ Ⅷ ½ ① ² ㍿ ㎏ ﷺ',
  '👨‍👩‍👧‍👦 family 👍🏽 🇩🇪 ❤️ 🧑‍🚀',
  '\u200Bzero\u200Dwidth\uFEFFmark',
  '\uFEFFmark first',
  'שלום עולם مرحبا بالعالم 123',
  '中文，测试。ABC中文 mixed 混合text',
  '日本語テキスト カタカナ ｶﾀｶﾅ',
  '한국어 텍스트',
  'कखगघ हिन्दी ไทย',
  '𠀀𠁀 astral 𪚥 𝒳',
  'a\u0000b\u0001c\u007F\u0085d',
  '1234567890 3.14 1,000 ٣٤',
  'http://x.y/z?a=b&c=d#e user@example.com',
  'x'.repeat(300),
  'ab '.repeat(50),
  `${'中'.repeat(120)}`,
  '\r\n\r\n  \t x  \n',
  '„quotes“ ‚x‘ «y» — – …',
  '__init__ snake_case CamelCase',
  '\u3000全角　ＡＢＣ１２３',
  '<s> </s> <unk> [MASK] [CLS] <|endoftext|> <|im_start|>user',
  '[UNK][PAD]x[SEP]',
  '\uFFFD stands for what was lost',
  ' \u00A0no\u2003break',
  'a.b.c. e.g., i.e. (a)[b]{c}<d> $1 €2 £3 ¥4',
  '\uE000 private \u{10FFFD}',
  '\u2028line\u2029paragraph',
]
