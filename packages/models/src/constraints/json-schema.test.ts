import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDecoder } from '../decoders/pretrained.js'
import { TextWriter } from '../decoders/text.js'
import { openTokeniser } from '../tokenisers/open.js'
import { leastOf, type Rule, start, step } from './grammar.js'
import { type JsonSchema, schemaRule } from './json-schema.js'
import { JsonText } from './json-text.js'
import { Vocabulary } from './vocabulary.js'

const fixture = (name: string) => fileURLToPath(new URL(`../../test/fixtures/${name}`, import.meta.url))

function accepts(rule: Rule, text: string): boolean {
  const end = [...Buffer.from(text)].reduce(step, start(rule))
  return end.length > 0 && leastOf(end) === 0
}

/** Whether a value is as a schema says: a plain reading of the specification, to check the automaton by. */
function isValid(value: unknown, schema: JsonSchema): boolean {
  if ('const' in schema) return JSON.stringify(value) === JSON.stringify(schema['const'])
  if ('enum' in schema)
    return (schema['enum'] as unknown[]).some((one) => JSON.stringify(one) === JSON.stringify(value))
  const own = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const types = [schema['type']].flat()
  if (!types.includes(own) && !(types.includes('integer') && Number.isInteger(value))) return false
  const within = (size: number, kind: string) =>
    size >= ((schema[`min${kind}`] as number) ?? 0) &&
    size <= ((schema[`max${kind}`] as number) ?? Number.POSITIVE_INFINITY)
  if (typeof value === 'string') return within(Array.from(value).length, 'Length')
  if (Array.isArray(value))
    return within(value.length, 'Items') && value.every((item) => isValid(item, schema['items'] as JsonSchema))
  if (own !== 'object') return true
  const properties = (schema['properties'] ?? {}) as Record<string, JsonSchema>
  const present = Object.entries(value as object)
  return (
    ((schema['required'] as string[]) ?? []).every((name) => present.some(([own]) => own === name)) &&
    present.every(([name, one]) => properties[name] !== undefined && isValid(one, properties[name]))
  )
}

const person: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  type: 'object',
  additionalProperties: false,
  required: ['name', 'tags', 'of'],
  properties: {
    age: { type: 'integer' },
    name: { type: 'string', minLength: 2, maxLength: 8 },
    'größe "m"': { type: ['number', 'null'] },
    tags: { type: 'array', items: { enum: ['red', 'ready', 'rot', 7, null] }, minItems: 1, maxItems: 3 },
    of: { type: 'object', properties: { is: { type: 'boolean' }, kind: { const: { a: ['é'] } } }, required: ['kind'] },
    note: { type: 'string', description: 'as long as there is room' },
  },
}

describe('what a schema allows', () => {
  const rule = schemaRule(person)
  const least = '{"name":"ab","tags":[7],"of":{"kind":{"a":["é"]}}}'

  it.each([
    least,
    '{"age": -12, "name":"\\"é😀", "größe \\"m\\"":1.5e-3,"tags":["red", null,"rot"],"of":{"is":true,"kind":{"a":["é"]}}}',
    '{"name":"12345678","größe \\"m\\"":null,"tags":["ready"],"of":{"kind":{"a":["é"]}},"note":"x\\n"}',
  ])('%s', (text) => {
    expect(isValid(JSON.parse(text), person)).toBe(true)
    expect(accepts(rule, text)).toBe(true)
  })

  it.each([
    [{ type: ['integer', 'number'] }, '7'],
    [{ type: ['string', 'string'] }, '"a"'],
  ])('reads a list of %j in one way only, or the ways would multiply', (items, item) => {
    const list = schemaRule({ type: 'array', items })
    expect([...Buffer.from(`[${Array(12).fill(item)}`)].reduce(step, start(list)).length).toBeLessThan(10)
  })

  it('refuses a schema without end', () => {
    let schema: JsonSchema = { type: 'null' }
    for (let depth = 0; depth < 20_000; depth++) schema = { type: 'array', items: schema }
    expect(() => schemaRule(schema)).toThrow('goes deeper than 100 levels')
  })

  it('knows the shortest text', () => expect(rule.least).toBe(Buffer.byteLength(least) - 'ab'.length + 2))

  it.each([
    ['{"name":"a"', '"name":"ab"'],
    ['"123456789"', '"ab"'],
    ['[]', '[7]'],
    ['[7,7,7,7]', '[7]'],
    ['["re"]', '[7]'],
    ['[7.0]', '[7]'],
    ['"a\nb"', '"ab"'],
    ['{"age":01,"name"', '{"name"'],
    ['{"age":1.5,"name"', '{"name"'],
    ['{"x":1,"name"', '{"name"'],
    ['{ "name"', '{"name"'],
  ])('refuses %s in place of %s', (wrong, right) => {
    expect(accepts(rule, least)).toBe(true)
    expect(accepts(rule, least.replace(right, wrong))).toBe(false)
    expect(accepts(rule, least.slice(0, -1))).toBe(false)
  })

  it('writes well-formed UTF-8 only', () => {
    const strings = start(schemaRule({ type: 'string' }))
    const after = (...bytes: number[]) => bytes.reduce(step, strings).length
    expect(after(0x22, 0xed, 0x9f, 0xbf)).toBeGreaterThan(0)
    expect(after(0x22, 0xed, 0xa0)).toBe(0) // half of a surrogate pair
    expect(after(0x22, 0xc0)).toBe(0) // longer than it has to be
    expect(after(0x22, 0xf4, 0x90)).toBe(0) // beyond U+10FFFF
  })
})

describe('schemas that are refused, with the keyword and its place', () => {
  it.each<[unknown, RegExp]>([
    [
      { type: 'object', properties: { a: { type: 'string', pattern: 'x' } } },
      /"pattern", .*string; known are .*\(at #\/properties\/a\)/,
    ],
    [{ type: 'array', items: { $ref: '#' } }, /has no "type", "enum" or "const", but \$ref \(at #\/items\)/],
    [{ type: 'array' }, /has "items": missing, expected a schema/],
    [{ type: 'text' }, /has "type": "text", expected one of object, array/],
    [
      { type: 'object', properties: { a: { type: 'null' } }, additionalProperties: true },
      /has "additionalProperties": true, expected false, or true where it names no others/,
    ],
    [
      { type: 'object', properties: { a: { type: 'null' } }, required: ['b'] },
      /has "required": \["b"\], expected names among a/,
    ],
    [{ type: 'string', minLength: 3, maxLength: 2 }, /has "maxLength": 2, expected a whole number of at least 3/],
    [{ type: 'integer', minimum: 2 }, /the keyword "minimum"/],
    [{ type: 'string', enum: [1] }, /allows no value/],
    [{ enum: 5 }, /has "enum": 5, expected an array/],
    [true, /is true, expected an object \(at #\)/],
  ])('%j', (schema, message) => expect(() => schemaRule(schema)).toThrow(message))
})

async function written(writer: TextWriter, options: Parameters<TextWriter['write']>[1]): Promise<string> {
  let text = ''
  for await (const piece of writer.write('A text:', options)) text += piece
  return text
}

describe('a decoder held to a schema', () => {
  let writer: TextWriter
  beforeAll(async () => {
    writer = await TextWriter.open(await openDecoder(fixture('writer')))
  })
  afterAll(() => writer.release())

  it('writes valid JSON by every seed, however little room there is', async () => {
    const room = schemaRule(person).least
    const found = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const maxTokens = room + (seed % 4) * 20
      const options = {
        schema: person,
        seed,
        maxTokens,
        temperature: seed % 3,
        ...(seed % 2 && { topK: 5, topP: 0.9 }),
      }
      const text = await written(writer, options)
      expect(isValid(JSON.parse(text), person), text).toBe(true)
      found.add(text)
    }
    expect(found.size).toBeGreaterThan(20)
    await expect(written(writer, { schema: person, maxTokens: room - 1 })).rejects.toThrow(/has \d+ bytes or more/)
  })

  it.each<JsonSchema>([
    { type: 'number' },
    { type: ['integer', 'null', 'boolean'] },
    { type: 'string', maxLength: 3 },
    { type: 'array', items: { type: 'array', items: { type: 'number' }, maxItems: 2 } },
    { type: 'array', items: { type: 'null' }, maxItems: 0 },
    { const: 'Zürich 😀' },
    { type: 'object' },
  ])('%j', async (schema) => {
    for (let seed = 0; seed < 8; seed++)
      expect(isValid(JSON.parse(await written(writer, { schema, seed, maxTokens: 30 })), schema)).toBe(true)
  })

  it('writes any object where no properties are named', async () => {
    const schema = { type: 'object', additionalProperties: true }
    const rule = schemaRule(schema)
    for (const value of [{}, { a: [1, { b: null }], 'é "': { c: ['x', [true]] } }, { a: -1.5e9, b: '' }])
      expect(accepts(rule, JSON.stringify(value))).toBe(true)
    for (const text of ['[]', '{"a"}', '{"a":1,}', '{a:1}', '{"a":[1,]}']) expect(accepts(rule, text)).toBe(false)
    for (let seed = 0; seed < 8; seed++) {
      const found = JSON.parse(await written(writer, { schema, seed, maxTokens: 40 }))
      expect(typeof found === 'object' && !Array.isArray(found)).toBe(true)
    }
  })

  it('takes no stop words', async () => {
    await expect(written(writer, { schema: person, stop: ['x'] })).rejects.toThrow('takes no stop words')
  })

  it('allows a token exactly where its bytes are allowed', () => {
    const vocabulary = new Vocabulary(writer.tokeniser)
    const text = new JsonText({ type: 'object', properties: { a: { type: 'null' } } }, vocabulary, {
      ends: [259],
      length: 20,
    })
    const allowed = () => [...text.mask().keys()].filter((token) => text.mask()[token])
    const idsOf = (...tokens: string[]) => tokens.map((token) => writer.tokeniser.idOf(token)!).sort((a, b) => a - b)
    expect(allowed()).toEqual(idsOf('{'))
    for (const token of ['{', '"', 'a']) text.take(writer.tokeniser.idOf(token)!)
    expect(allowed()).toEqual(idsOf('"', '":'))
    for (const token of ['":', 'n', 'u', 'l', 'l']) text.take(writer.tokeniser.idOf(token)!)
    expect([text.isOver, allowed()]).toEqual([false, idsOf('}')])
    text.take(writer.tokeniser.idOf('}')!)
    expect([text.isOver, allowed()]).toEqual([true, [259]])
  })

  it('refuses a tokeniser whose tokens are no bytes', async () => {
    const words = await openTokeniser(fixture('letters'))
    expect(() => new Vocabulary(words)).toThrow(/The tokeniser does not write bytes/)
  })
})

const models = process.env['VOLANT_TEST_MODELS']
const smollm = path.join(models ?? '', 'smollm2.gguf')
it.skipIf(!models || !existsSync(smollm))(
  'holds SmolLM2 to a schema (VOLANT_TEST_MODELS/smollm2.gguf)',
  { timeout: 120_000 },
  async () => {
    const writer = await TextWriter.open(await openDecoder(smollm), { threads: 2, quantise: 'int8' })
    const vocabulary = new Vocabulary(writer.tokeniser)
    for (const token of [500, 5000, 40_000]) {
      const bytes = Buffer.from(writer.tokeniser.decode([token]))
      const state = [...bytes].reduce(step, start(schemaRule({ type: 'string' })))
      expect(vocabulary.after(start(schemaRule({ type: 'string' })), token)).toEqual(state)
    }
    for (const seed of [1, 2, 3]) {
      const text = await written(writer, { schema: person, seed, maxTokens: 90 })
      expect(isValid(JSON.parse(text), person), text).toBe(true)
    }
    await writer.release()
  },
)
