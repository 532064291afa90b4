import { nearestName, VolantError } from '@volant/data'
import { parseDocument } from 'yaml'
import { z } from 'zod'
import { type Spec, type SpecInput, specSchema } from './schema.js'

/**
 * Reads a description from YAML (or JSON) text or an object and fills in every default.
 * Throws a VolantError `bad-spec` that names the path, what was found and, for an unknown key, the nearest known one.
 */
export function parseSpec(source: string | SpecInput | Record<string, unknown>): Spec {
  const value = typeof source === 'string' ? readYaml(source) : source
  refusePrototype(value)
  const parsed = specSchema.safeParse(value, { reportInput: true })
  if (parsed.success) return parsed.data
  const { issues } = parsed.error
  const problem = describe(issues.find(({ code }) => code === 'unrecognized_keys') ?? issues[0]!, value, [])
  throw new VolantError('bad-spec', `The spec is not right at ${problem.path}: ${problem.message}.`, problem)
}

/** As a field name it would change what the objects are made of that are keyed by names; the schema passes over it. */
function refusePrototype(value: unknown): void {
  for (const part of ['inputs', 'outputs']) {
    const fields = (value as Record<string, unknown> | null)?.[part]
    if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, '__proto__')) continue
    const path = `${part}.__proto__`
    const sentence = `The spec is not right at ${path}: a field cannot be named "__proto__"; rename the column.`
    throw new VolantError('bad-spec', sentence, { path })
  }
}

/** JSON schema of a description, for editors: completion, checks and the words of each setting. */
export function specJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(specSchema, { io: 'input', unrepresentable: 'any' }) as Record<string, unknown>
}

function readYaml(text: string): unknown {
  const document = parseDocument(text, { uniqueKeys: true })
  const error = document.errors[0]
  if (error) {
    const line = error.linePos?.[0].line
    const where = line === undefined ? '' : ` in line ${line}`
    throw new VolantError('bad-spec', `The spec is not readable YAML${where}: ${firstLine(error)}`, { line })
  }
  try {
    return document.toJS()
  } catch (cause) {
    // Such as aliases that multiply without end.
    throw new VolantError('bad-spec', `The spec is not readable YAML: ${firstLine(cause as Error)}.`, {}, { cause })
  }
}

const firstLine = ({ message }: Error): string => {
  const line = message.split('\n')[0]!.replaceAll(/\p{Cc}/gu, '\uFFFD')
  return line.length > 200 ? `${line.slice(0, 200)} …` : line
}

interface Problem extends Record<string, unknown> {
  path: string
  message: string
  nearest?: string
}

type Issue = z.core.$ZodIssue

function describe(issue: Issue, root: unknown, before: readonly PropertyKey[]): Problem {
  const path = [...before, ...issue.path]
  if (issue.code === 'invalid_union') {
    const deepest = issue.errors.flat().sort((a, b) => rank(b) - rank(a))[0]
    if (deepest && rank(deepest) > 0) return describe(deepest, root, path)
  }
  if (issue.code === 'unrecognized_keys') return unknownKey(issue.keys[0]!, path, root)
  if (issue.code === 'invalid_key' && issue.issues[0]) return { path: written(path), message: issue.issues[0].message }
  return { path: written(path), message: sentence(issue, path) }
}

/** In a union the branch that got furthest is the one the writer meant. */
function rank(issue: Issue): number {
  return issue.path.length * 2 + (issue.code === 'unrecognized_keys' ? 1 : 0) + (issue.code === 'custom' ? 1 : 0)
}

function unknownKey(key: string, path: readonly PropertyKey[], root: unknown): Problem {
  const known = knownKeys(path, root)
  const nearest = nearestName(key, known)
  const hint = nearest === undefined ? `known are ${known.join(', ')}` : `did you mean "${nearest}"?`
  return { path: written([...path, key]), message: `unknown key "${key}"; ${hint}`, nearest }
}

/** The keys the schema knows at a path of the description. */
function knownKeys(path: readonly PropertyKey[], root: unknown): string[] {
  const [part, name] = path.map(String)
  if (part === undefined) return Object.keys(specSchema.shape)
  if (part === 'train') return Object.keys(specSchema.shape.train.unwrap().shape)
  const settings = (root as Record<string, Record<string, { type?: string }>>)[part]?.[name ?? '']
  return settingsKeys(part === 'outputs' ? 'outputs' : 'inputs', settings?.type)
}

function settingsKeys(part: 'inputs' | 'outputs', type: string | undefined): string[] {
  const settings = variants(part).find((option) => typeOf(option) === type)
  return settings ? Object.keys(settings.shape) : ['type']
}

const typesOf = (part: 'inputs' | 'outputs') => variants(part).map(typeOf)
const typeOf = (settings: z.ZodObject) => (settings.shape['type'] as z.ZodLiteral<string>).value

/** The settings schemas of all types that may stand there. */
function variants(part: 'inputs' | 'outputs'): z.ZodObject[] {
  const union = (specSchema.shape[part].valueType as z.ZodUnion).options[1] as z.ZodDiscriminatedUnion
  return union.options as z.ZodObject[]
}

function sentence(issue: Issue, path: readonly PropertyKey[]): string {
  const found = issue.input === undefined ? 'nothing' : JSON.stringify(issue.input)
  if (issue.code === 'invalid_value') {
    const nearest = typeof issue.input === 'string' ? nearestName(issue.input, issue.values.map(String)) : undefined
    return `expected one of ${issue.values.join(', ')}, found ${found}${nearest ? `; did you mean "${nearest}"?` : ''}`
  }
  if (issue.code === 'invalid_union')
    return noSuchType(issue.input, typesOf(path[0] === 'outputs' ? 'outputs' : 'inputs'))
  if (issue.code === 'invalid_type') return `expected ${issue.expected}, found ${found}`
  if (issue.code === 'custom') return issue.message
  return `${issue.message.replace(/^Invalid input: /, '')}, found ${found}`
}

function noSuchType(input: unknown, types: readonly string[]): string {
  const name = typeof input === 'string' ? input : (input as { type?: unknown } | null)?.type
  const nearest = typeof name === 'string' ? nearestName(name, types) : undefined
  const found = input === undefined ? 'nothing' : JSON.stringify(input)
  return `expected a type (${types.join(', ')}) or an object with one, found ${found}${nearest ? `; did you mean "${nearest}"?` : ''}`
}

function written(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the top' : path.map(String).join('.')
}
