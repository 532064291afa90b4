import { ModelsError } from '../errors.js'
import { isObject } from '../files/json.js'
import { byte, choice, literal, optional, type Rule, repeated, sequence } from './grammar.js'

/** A JSON schema; which keywords are known, `schemaRule` says. */
export type JsonSchema = Readonly<Record<string, unknown>>

const digit = byte([0x30, 0x39])
// Fifteen digits are exact in a double, and a finite number needs no larger exponent.
const whole = sequence(
  optional(literal('-')),
  choice(literal('0'), sequence(byte([0x31, 0x39]), repeated(digit, 0, 14))),
)
const fraction = sequence(literal('.'), repeated(digit, 1, 15))
const exponent = sequence(byte(0x65, 0x45), optional(byte(0x2b, 0x2d)), repeated(digit, 1, 2))
const more = byte([0x80, 0xbf])

/** A character within a string: ASCII, an escape, or well-formed UTF-8 (The Unicode Standard, table 3-7). */
const character = choice(
  byte(0x20, 0x21, [0x23, 0x5b], [0x5d, 0x7e]),
  sequence(byte(0x5c), byte(...Buffer.from('"\\/bfnrt'))),
  sequence(byte([0xc2, 0xdf]), more),
  sequence(byte(0xe0), byte([0xa0, 0xbf]), more),
  sequence(byte([0xe1, 0xec], 0xee, 0xef), more, more),
  sequence(byte(0xed), byte([0x80, 0x9f]), more),
  sequence(byte(0xf0), byte([0x90, 0xbf]), more, more),
  sequence(byte([0xf1, 0xf3]), more, more, more),
  sequence(byte(0xf4), byte([0x80, 0x8f]), more, more),
)

const quote = literal('"')
const space = optional(literal(' '))
const comma = sequence(literal(','), space)
const colon = sequence(literal(':'), space)

interface Kind {
  readonly keywords: readonly string[]
  is(value: unknown): boolean
  rule(at: Place): Rule
}

const simple = (rule: Rule, is: Kind['is']): Kind => ({ keywords: [], is, rule: () => rule })

/** By `type`. */
const kinds: Readonly<Record<string, Kind>> = {
  object: { keywords: ['properties', 'required', 'additionalProperties'], is: isObject, rule: objectRule },
  array: { keywords: ['items', 'minItems', 'maxItems'], is: Array.isArray, rule: arrayRule },
  string: {
    keywords: ['minLength', 'maxLength'],
    is: (value) => typeof value === 'string',
    rule: (at) => sequence(quote, repeated(character, ...at.limits('minLength', 'maxLength')), quote),
  },
  number: simple(sequence(whole, optional(fraction), optional(exponent)), (value) => typeof value === 'number'),
  integer: simple(whole, Number.isInteger),
  boolean: simple(choice(literal('true'), literal('false')), (value) => typeof value === 'boolean'),
  null: simple(literal('null'), (value) => value === null),
}

/** Objects within objects that any JSON may have. */
const DEPTH = 6

/** An object with any members. */
const freeObject = freeOf(DEPTH).object

function freeOf(depth: number): { object: Rule; array: Rule } {
  const within = depth > 1 ? Object.values(freeOf(depth - 1)) : []
  const text = sequence(quote, repeated(character, 0), quote)
  const number = sequence(whole, optional(fraction), optional(exponent))
  const value = choice(text, number, ...['true', 'false', 'null'].map(literal), ...within)
  const list = (open: string, item: Rule, close: string) =>
    sequence(literal(open), optional(sequence(item, repeated(sequence(comma, item), 0))), literal(close))
  return { object: list('{', sequence(text, colon, value), '}'), array: list('[', value, ']') }
}

const annotations = ['$schema', '$id', '$comment', 'title', 'description', 'default', 'examples', 'deprecated']

/**
 * The JSON texts that a schema allows, each written in one way: properties in the order of the schema, at most a space after commas
 * and colons. Known are `type` (also several), `enum`, `const`, `properties`, `required`, `items`, `minItems`, `maxItems`,
 * `minLength`, `maxLength`, `additionalProperties: false` (which always holds; `true` where no properties are named: any object, a few
 * levels deep) and annotations.
 * Throws ModelsError `bad-schema`, which names the keyword and its place.
 */
export function schemaRule(schema: unknown): Rule {
  return new Place(schema, '#', 0).rule()
}

/** Schemas within schemas. */
const mostDepth = 100

/** A schema within the schema. */
class Place {
  readonly schema: JsonSchema

  constructor(
    schema: unknown,
    readonly path: string,
    readonly depth: number,
  ) {
    if (depth > mostDepth) throw refusal(`#/…${path.slice(-40)}`, `goes deeper than ${mostDepth} levels`)
    if (!isObject(schema)) throw refusal(path, `is ${JSON.stringify(schema)}, expected an object`)
    this.schema = schema
  }

  rule(): Rule {
    const { type, enum: values, const: value } = this.schema
    const listed = value !== undefined ? [value] : values
    const named = type === undefined ? Object.keys(kinds) : [...new Set([type].flat())]
    // A text must not be allowed in two ways: the ways of a list's items would multiply.
    const types = named.filter((name) => name !== 'integer' || !named.includes('number'))
    const found = types.map((name) => this.#kind(name))
    if (listed !== undefined) return this.#listed(listed, found)
    if (type === undefined || types.length === 0)
      throw refusal(this.path, `has no "type", "enum" or "const"${this.#others()}`)
    this.#only(['type', ...found.flatMap(({ keywords }) => keywords)], `of type ${types.join(', ')}`)
    return choice(...found.map((kind) => kind.rule(this)))
  }

  /** The rule of a schema that is a part of this one. */
  within(part: string, schema: unknown): Rule {
    return new Place(schema, `${this.path}/${part}`, this.depth + 1).rule()
  }

  #listed(values: unknown, found: readonly Kind[]): Rule {
    this.#only(['type', 'const' in this.schema ? 'const' : 'enum'], 'that lists its values')
    if (!Array.isArray(values)) throw this.wrong('enum', 'an array')
    const allowed = values.filter((value) => found.some(({ is }) => is(value)))
    if (allowed.length === 0) throw refusal(this.path, 'allows no value: none that is listed is of its type')
    return choice(...[...new Set(allowed.map((value) => JSON.stringify(value)))].map(literal))
  }

  #others(): string {
    const others = Object.keys(this.schema).filter((name) => name !== 'type' && !annotations.includes(name))
    return others.length > 0 ? `, but ${others.join(', ')}` : ''
  }

  #kind(name: unknown): Kind {
    if (typeof name === 'string' && Object.hasOwn(kinds, name)) return kinds[name]!
    throw this.wrong('type', `one of ${Object.keys(kinds).join(', ')}`)
  }

  #only(known: readonly string[], of: string): void {
    const unknown = Object.keys(this.schema).find((name) => !known.includes(name) && !annotations.includes(name))
    if (unknown !== undefined)
      throw refusal(
        this.path,
        `has the keyword "${unknown}", which is not known for a schema ${of}; known are ${known.join(', ')}`,
      )
  }

  /** Two counts, none by default. */
  limits(min: string, max: string): [min: number, max: number] {
    const [least, most] = [this.schema[min] ?? 0, this.schema[max] ?? Number.POSITIVE_INFINITY]
    if (!Number.isSafeInteger(least) || (least as number) < 0) throw this.wrong(min, 'a whole number of at least 0')
    if (max in this.schema && !(Number.isSafeInteger(most) && (most as number) >= (least as number)))
      throw this.wrong(max, `a whole number of at least ${least}`)
    return [least as number, most as number]
  }

  wrong(name: string, expected: string): ModelsError {
    return refusal(this.path, `has "${name}": ${JSON.stringify(this.schema[name]) ?? 'missing'}, expected ${expected}`)
  }
}

function arrayRule(at: Place): Rule {
  const [min, max] = at.limits('minItems', 'maxItems')
  if (at.schema['items'] === undefined) throw at.wrong('items', 'a schema')
  const item = at.within('items', at.schema['items'])
  const items = sequence(item, repeated(sequence(comma, item), Math.max(0, min - 1), max - 1))
  const content = max === 0 ? sequence() : min === 0 ? optional(items) : items
  return sequence(literal('['), content, literal(']'))
}

function objectRule(at: Place): Rule {
  const { properties = {}, required = [], additionalProperties = false } = at.schema
  if (additionalProperties === true && !('properties' in at.schema || 'required' in at.schema)) return freeObject
  if (additionalProperties !== false) throw at.wrong('additionalProperties', 'false, or true where it names no others')
  if (!isObject(properties)) throw at.wrong('properties', 'an object')
  const names = Object.keys(properties)
  if (!Array.isArray(required) || !required.every((name) => names.includes(name as string)))
    throw at.wrong('required', `names among ${names.join(', ') || '(no property)'}`)
  // From the last to the first: what may follow where no property was written yet, and where one was.
  let [first, later] = [sequence(), sequence()]
  for (const name of names.toReversed()) {
    const value = at.within(`properties/${name}`, properties[name])
    const member = sequence(literal(JSON.stringify(name)), colon, value, later)
    const [alone, after] = [member, sequence(comma, member)]
    if (required.includes(name)) [first, later] = [alone, after]
    else [first, later] = [choice(alone, first), choice(after, later)]
  }
  return sequence(literal('{'), first, literal('}'))
}

const refusal = (path: string, what: string) =>
  new ModelsError('bad-schema', `The JSON schema ${what} (at ${path}).`, { path })
