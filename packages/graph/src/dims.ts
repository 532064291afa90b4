/**
 * A dim is a number, or text in normal form: names, products and sums of them (`B`, `B*T`, `2*T+1`). Two dims are equal
 * only if their normal forms are equal, so `===` decides. A quotient that does not divide evenly becomes a name of its own,
 * `floor(T-1,2)`.
 */
export type Dim = number | string
export type Shape = readonly Dim[]

/** Coefficient of each product of names; the key joins the sorted names with `*`, the constant term has the key ''. */
type Terms = Map<string, number>

/** Splits at a separator, but not inside the brackets of `floor(…)`. */
function splitOutside(text: string, separator: string): string[] {
  const parts: string[] = []
  let depth = 0
  let start = 0
  for (let i = 0; i < text.length; i++) {
    if (text[i] === '(') depth++
    else if (text[i] === ')') depth--
    else if (text[i] === separator && depth === 0) {
      parts.push(text.slice(start, i))
      start = i + 1
    }
  }
  parts.push(text.slice(start))
  return parts
}

const isName = (text: string) => /^[A-Za-z_][\w.]*$/.test(text) || /^floor\(.+,\d+\)$/.test(text)

function parse(dim: Dim): Terms {
  if (typeof dim === 'number') {
    if (!Number.isSafeInteger(dim)) throw new RangeError(`A dimension must be a whole number, found ${dim}`)
    return new Map(dim === 0 ? [] : [['', dim]])
  }
  const terms: Terms = new Map()
  const signed = splitOutside(dim.replaceAll(' ', ''), '-').join('+-')
  for (const part of splitOutside(signed, '+')) {
    if (part === '') continue
    let coefficient = 1
    const names: string[] = []
    for (let factor of splitOutside(part, '*')) {
      if (factor.startsWith('-')) {
        coefficient = -coefficient
        factor = factor.slice(1)
      }
      if (/^\d+$/.test(factor)) coefficient *= Number(factor)
      else if (isName(factor)) names.push(factor)
      else throw new RangeError(`Not a dimension: "${dim}"; expected names, numbers, products and sums such as "2*T+1"`)
    }
    addTerm(terms, names.sort().join('*'), coefficient)
  }
  return terms
}

function addTerm(terms: Terms, key: string, coefficient: number): void {
  const sum = (terms.get(key) ?? 0) + coefficient
  if (sum === 0) terms.delete(key)
  else terms.set(key, sum)
}

function print(terms: Terms): Dim {
  const keys = [...terms.keys()].sort((a, b) => (a === '' ? 1 : b === '' ? -1 : a < b ? -1 : 1))
  if (keys.length === 0) return 0
  if (keys.length === 1 && keys[0] === '') return terms.get('')!
  let text = ''
  for (const key of keys) {
    const coefficient = terms.get(key)!
    const size = Math.abs(coefficient)
    const body = key === '' ? `${size}` : size === 1 ? key : `${size}*${key}`
    text += coefficient < 0 ? `-${body}` : text === '' ? body : `+${body}`
  }
  return text
}

/** The normal form of a dim: `dim('T*B')` is `'B*T'`, `dim('3')` is `3`. */
export const dim = (value: Dim): Dim => (typeof value === 'number' ? value : print(parse(value)))

/** The sum in normal form. */
export function addDims(...dims: Dim[]): Dim {
  const sum: Terms = new Map()
  for (const d of dims) for (const [key, coefficient] of parse(d)) addTerm(sum, key, coefficient)
  return print(sum)
}

/** The product in normal form. */
export function multiplyDims(...dims: Dim[]): Dim {
  if (dims.every((d) => typeof d === 'number')) return dims.reduce<number>((a, b) => a * (b as number), 1)
  let product: Terms = new Map([['', 1]])
  for (const d of dims) {
    const next: Terms = new Map()
    for (const [a, ca] of product)
      for (const [b, cb] of parse(d)) {
        const names = [...splitFactors(a), ...splitFactors(b)].sort()
        addTerm(next, names.join('*'), ca * cb)
      }
    product = next
  }
  return print(product)
}

const splitFactors = (key: string) => (key === '' ? [] : splitOutside(key, '*'))

/** The difference `a - b` in normal form. */
export const subtractDims = (a: Dim, b: Dim): Dim => addDims(a, multiplyDims(-1, b))

/** `a / b` where it divides evenly term by term, else undefined. `b` is a number or a product of names. */
export function divideDims(a: Dim, b: Dim): Dim | undefined {
  if (a === b) return 1
  const divisor = [...parse(b)]
  if (divisor.length !== 1) return undefined
  const [key, coefficient] = divisor[0]!
  const quotient: Terms = new Map()
  for (const [term, c] of parse(a)) {
    const names = splitFactors(term)
    for (const name of splitFactors(key)) {
      const at = names.indexOf(name)
      if (at < 0) return undefined
      names.splice(at, 1)
    }
    if (c % coefficient !== 0) return undefined
    addTerm(quotient, names.join('*'), c / coefficient)
  }
  return print(quotient)
}

/** The whole part of `a / b`; a new name `floor(a,b)` where that is not known before the run. */
export function floorDivideDims(a: Dim, b: number): Dim {
  if (typeof a === 'number') return Math.floor(a / b)
  // ⌊(2T - 1) / 2⌋ = T + ⌊-1/2⌋: with the names divided evenly, only the number is left to be rounded.
  const rest = parse(a).get('') ?? 0
  const names = divideDims(subtractDims(a, rest), b)
  return names === undefined ? `floor(${a},${b})` : addDims(names, Math.floor(rest / b))
}

/** Number of elements. */
export const sizeOf = (shape: Shape): Dim => multiplyDims(...shape)

/** Whether all dims have the same normal form. */
export const sameShape = (a: Shape, b: Shape): boolean => a.length === b.length && a.every((d, i) => d === b[i])

/** As in messages: `[B,T,384]`. */
export const printShape = (shape: Shape): string => `[${shape.join(',')}]`

/** The terms of a symbolic dim, for those who compute it at run time: each a coefficient and its factors. */
export function dimTerms(value: Dim): { coefficient: number; factors: string[] }[] {
  return [...parse(value)].map(([key, coefficient]) => ({ coefficient, factors: splitFactors(key) }))
}

/** The parts of a name made by `floorDivideDims`, undefined for an ordinary name. */
export function floorParts(name: string): { dividend: Dim; divisor: number } | undefined {
  const match = /^floor\((.+),(\d+)\)$/.exec(name)
  return match ? { dividend: match[1]!, divisor: Number(match[2]) } : undefined
}
