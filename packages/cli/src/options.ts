import { basename, dirname, join } from 'node:path'
import { Usage } from './usage.js'

/** One option of the command line: what help shows and how its text becomes a value. */
export interface OptionRow<T> {
  flags: string
  description: string
  /** `before` is the value of the times it was given before. @throws Usage when the text is not of the option's form. */
  parse(text: string, before?: T): T
}

const text = (value: string): string => value

/** A path without separators at its end, so that what is made beside it can be named after it. */
const place = (value: string): string => (value === '' ? '' : join(dirname(value), basename(value)))

/** `a,b` -> ['a', 'b'] */
function list(value: string): string[] {
  const names = value.split(',').map((name) => name.trim())
  if (names.some((name) => name === ''))
    throw new Usage(`expected names separated by commas, found ${JSON.stringify(value)}`)
  return names
}

/** A whole number of at least `least`. */
const whole =
  (least: number) =>
  (value: string): number => {
    if (!/^\d+$/.test(value.trim()) || Number(value) < least || !Number.isSafeInteger(Number(value))) {
      throw new Usage(`expected a whole number of at least ${least}, found ${JSON.stringify(value)}`)
    }
    return Number(value)
  }

/** `90s`, `5m`, `1.5h` or a number of seconds. Kept as text for the spec; checked here. */
function duration(value: string): string {
  const match = /^(\d+(?:\.\d+)?)(s|m|h)?$/.exec(value.trim())
  if (!match || Number(match[1]) === 0) {
    throw new Usage(`expected a time such as 90s, 5m or 1h, found ${JSON.stringify(value)}`)
  }
  return match[2] ? match[0] : `${match[1]}s`
}

/** `.8,.1,.1`: shares of train, validation and test that sum to 1. */
function shares(value: string): [number, number, number] {
  const parts = value.split(',').map(Number)
  const [train, valid, test] = parts
  const sum = parts.reduce((total, part) => total + part, 0)
  if (parts.length !== 3 || parts.some((part) => !(part >= 0)) || !(train! > 0) || Math.abs(sum - 1) > 1e-6) {
    throw new Usage(
      `expected three shares for train, validation and test that sum to 1, such as .8,.1,.1, found ${JSON.stringify(value)}`,
    )
  }
  return [train!, valid!, test!]
}

/** A number of at least `least`. */
const number =
  (least: number) =>
  (value: string): number => {
    if (value.trim() === '' || !(Number(value) >= least) || !Number.isFinite(Number(value)))
      throw new Usage(`expected a number of at least ${least}, found ${JSON.stringify(value)}`)
    return Number(value)
  }

/** A number above 0 and at most 1. */
function probability(value: string): number {
  if (!(Number(value) > 0 && Number(value) <= 1))
    throw new Usage(`expected a number above 0 and at most 1, found ${JSON.stringify(value)}`)
  return Number(value)
}

/** A number from 0 up to, but not 1. */
function share(value: string): number {
  const found = number(0)(value)
  if (found >= 1) throw new Usage(`expected a number of at least 0 and below 1, found ${JSON.stringify(value)}`)
  return found
}

/** A number of minutes above 0. */
function minutes(value: string): number {
  if (!(Number(value) > 0 && Number.isFinite(Number(value))))
    throw new Usage(`expected a number of minutes above 0, found ${JSON.stringify(value)}`)
  return Number(value)
}

/** Every time the option is given adds a text. */
const several = (value: string, before: readonly string[] = []): string[] => [...before, value]

/** `name=place`, or a place whose last part is the name: what a server calls a model, and where it is. */
export function models(value: string, before: readonly NamedModel[] = []): NamedModel[] {
  const given = value.trim()
  const [head] = given.split('=', 1) as [string]
  const isNamed = head !== given && !/[/\\]/.test(head)
  const source = isNamed ? given.slice(head.length + 1) : given
  const last = source.split(/[/\\]/).findLast((part) => part !== '') ?? ''
  const name = isNamed ? head : last.replace(/\.gguf$/, '')
  if (source === '' || name === '')
    throw new Usage(`expected name=folder, name=file.gguf or name=organisation/name, found ${JSON.stringify(value)}`)
  return [...before, { name, source }]
}

/** `folder`, `name=folder` or `name@model=folder`: an adapter, what a server calls it, and the model that it is put on. */
function adapters(value: string, before: readonly NamedAdapter[] = []): NamedAdapter[] {
  const given = value.trim()
  const [, name, base, folder = given] = /^([^=@/\\]+)(?:@([^=@/\\]+))?=(.+)$/.exec(given) ?? []
  return [...before, { name, base, folder }]
}

interface NamedAdapter {
  name: string | undefined
  base: string | undefined
  folder: string
}

interface NamedModel {
  name: string
  source: string
}

function port(value: string): number {
  const number = whole(0)(value)
  if (number > 65_535) throw new Usage(`expected a port from 0 to 65535, found ${value}`)
  return number
}

function choice<const T extends string>(...known: T[]): (value: string) => T {
  return (value) => {
    if (!(known as string[]).includes(value))
      throw new Usage(`expected one of ${known.join(', ')}, found ${JSON.stringify(value)}`)
    return value as T
  }
}

/** `column=value` */
function condition(value: string): { column: string; value: string } {
  const at = value.indexOf('=')
  if (at < 1) throw new Usage(`expected a column and its value, such as split=test, found ${JSON.stringify(value)}`)
  return { column: value.slice(0, at), value: value.slice(at + 1) }
}

/** A switch without a value. */
const on = (): boolean => true

/** Every option of every command: one meaning a name. Help and parsing are made from this table. */
export const optionTable = {
  json: { flags: '--json', description: 'print one JSON document (or JSON lines) on stdout', parse: on },
  spec: { flags: '--spec <file>', description: 'a YAML or JSON spec instead of --inputs and --outputs', parse: text },
  inputs: { flags: '--inputs <a,b>', description: 'columns to learn from (default: inferred)', parse: list },
  outputs: { flags: '--outputs <a,b>', description: 'columns to predict', parse: list },
  valid: { flags: '--valid <file>', description: 'rows to validate on', parse: text },
  test: { flags: '--test <file>', description: 'rows to test on, read only at the end', parse: text },
  split: {
    flags: '--split <shares>',
    description: 'shares of train, validation and test, such as .8,.1,.1',
    parse: shares,
  },
  encoder: {
    flags: '--encoder <name>',
    description: 'text encoder: auto, linear (= tfidf), bag, cnn, bilstm, transformer or pretrained',
    parse: choice('auto', 'linear', 'tfidf', 'bag', 'cnn', 'bilstm', 'transformer', 'pretrained'),
  },
  tune: {
    flags: '--tune <how>',
    description: 'what is learnt of the base: auto, probe, contrastive, full, top, biases, lora or dora',
    parse: choice('auto', 'probe', 'contrastive', 'full', 'top', 'biases', 'lora', 'dora'),
  },
  learn: {
    flags: '--learn <patterns>',
    description: "parts of the base that are learnt, instead of --tune: encoder.layers.5,'**.norm'",
    parse: list,
  },
  base: {
    flags: '--base <model>',
    description: 'pretrained model to start from: english (ours), a folder, or a name on the hub',
    parse: text,
  },
  timeLimit: {
    flags: '--time-limit <time>',
    description: 'how much work to spend, such as 90s or 5m',
    parse: duration,
  },
  epochs: { flags: '--epochs <n>', description: 'passes over the training rows (networks)', parse: whole(1) },
  seed: { flags: '--seed <n>', description: 'seed of every random choice (default: 42)', parse: whole(0) },
  noRefit: { flags: '--no-refit', description: 'ship the model trained without the validation rows', parse: on },
  out: { flags: '--out <path>', description: 'where the result is written', parse: place },
  schema: {
    flags: '--schema <file>',
    description: 'also write the JSON schema of specs, for completion in an editor',
    parse: text,
  },
  force: { flags: '--force', description: 'replace what is at --out', parse: on },
  port: { flags: '--port <n>', description: 'port to listen on (default: 4600; 0 = any free one)', parse: port },
  host: { flags: '--host <address>', description: 'address to listen on (default: 127.0.0.1)', parse: text },
  data: { flags: '--data <folder>', description: 'folder of all data (default: ./volant-data)', parse: text },
  keys: {
    flags: '--keys <when>',
    description: 'local: no key is needed on this machine (default); always: every request needs one',
    parse: choice('local', 'always'),
  },
  cors: {
    flags: '--cors <origins>',
    description: 'web pages that may use the API with a key, such as https://app.example.com (default: none)',
    parse: list,
  },
  model: {
    flags: '--model <name=place>',
    description:
      'answer under /v1 with a model: a folder, a .gguf file or a name on the hub; may be given several times',
    parse: models,
  },
  adapter: {
    flags: '--adapter <folder>',
    description:
      'adapter of volant instruct, volant train --tune lora or PEFT; a server calls it name=folder, name@model=folder where it has several models, and takes several',
    parse: adapters,
  },
  exit: { flags: '--exit', description: 'stop at the end instead of serving on', parse: on },
  lang: {
    flags: '--lang <en|zh>',
    description: 'language of the output (default: from the environment)',
    parse: choice('en', 'zh'),
  },
  url: { flags: '--url <address>', description: 'the server (default: http://127.0.0.1:4600)', parse: text },
  key: { flags: '--key <secret>', description: 'API key (default: VOLANT_KEY)', parse: text },
  version: {
    flags: '--version <id>',
    description: 'the model version to go back to (default: the one before)',
    parse: text,
  },
  revision: { flags: '--revision <r>', description: 'branch, tag or commit (default: main)', parse: text },
  file: {
    flags: '--file <name>',
    description: 'take this weight file only, such as one of several .gguf',
    parse: text,
  },
  chat: { flags: '--chat', description: "the prompt is a question, put by the model's chat template", parse: on },
  system: { flags: '--system <text>', description: 'what the model is told first, with --chat', parse: text },
  maxTokens: {
    flags: '--max-tokens <n>',
    description: 'most new tokens (default: 256); for instruct, tokens of a conversation (default: 512)',
    parse: whole(1),
  },
  temperature: {
    flags: '--temperature <t>',
    description: '0: always the most likely token; above 1: more variety (default: 1)',
    parse: number(0),
  },
  topK: { flags: '--top-k <n>', description: 'draw from the n most likely tokens', parse: whole(1) },
  topP: {
    flags: '--top-p <p>',
    description: 'draw from the most likely tokens that reach this probability together',
    parse: probability,
  },
  stop: {
    flags: '--stop <text>',
    description: 'end before this text; may be given several times',
    parse: several,
  },
  jsonSchema: {
    flags: '--json-schema <file>',
    description: 'write JSON that is valid by this schema',
    parse: text,
  },
  score: {
    flags: '--score <column>',
    description:
      'how alike the two texts of a row are: numbers, or two values, the greater for those that belong together',
    parse: text,
  },
  where: {
    flags: '--where <column=value>',
    description: 'only the rows of which this is true',
    parse: condition,
  },
  among: { flags: '--among <file>', description: 'labelled rows to find the nearest of', parse: text },
  search: { flags: '--search <query>', description: 'find the texts nearest to this one', parse: text },
  top: { flags: '--top <n>', description: 'how many texts are found (default: 5)', parse: whole(1) },
  quantise: {
    flags: '--quantise <form>',
    description: 'weights as int8 (faster) or 4bit (smallest) (default: float32)',
    parse: choice('int8', '4bit'),
  },
  lora: { flags: '--lora <rank>', description: 'rank of the adapters (default: 8)', parse: whole(1) },
  dora: { flags: '--dora', description: 'adapters that learn the sizes of weights apart (DoRA)', parse: on },
  learningRate: {
    flags: '--learning-rate <rate>',
    description:
      'highest learning rate (default: 0.0002 for adapters, 0.00005 for vectors, 0.001 for a new base and 0.0002 with --base)',
    parse: number(0),
  },
  batchSize: {
    flags: '--batch-size <n>',
    description: 'examples of an update (default: 2 rows of conversations, 64 texts, 32 rows of pretrain)',
    parse: whole(1),
  },
  merge: { flags: '--merge', description: 'write a whole model folder instead of an adapter', parse: on },
  threads: {
    flags: '--threads <n>',
    description: 'threads to compute with (default: one for each core)',
    parse: whole(1),
  },
  teacher: {
    flags: '--teacher <model>',
    description: 'pretrained encoder to learn from: a folder, or a name on the hub',
    parse: text,
  },
  column: {
    flags: '--column <name>',
    description: 'column of a table that holds the texts (default: "text", or the only one)',
    parse: text,
  },
  vocabulary: {
    flags: '--vocabulary <n>',
    description: 'pieces of the vocabulary (pretrain: 8000; distil: all)',
    parse: whole(1),
  },
  layers: { flags: '--layers <n>', description: 'layers of the network (pretrain: 4; distil: all)', parse: whole(1) },
  static: {
    flags: '--static',
    description: 'a table of token vectors instead of a network: about a hundred times faster, less exact',
    parse: on,
  },
  width: {
    flags: '--width <n>',
    description: 'numbers of a vector of the network, or with --static of a text (default: 256)',
    parse: whole(1),
  },
  heads: { flags: '--heads <n>', description: 'attention heads of a layer (default: 4)', parse: whole(1) },
  context: { flags: '--context <n>', description: 'tokens of the longest text (default: 128)', parse: whole(8) },
  arch: {
    flags: '--arch <name>',
    description: 'what to make: bert, roberta or electra (encoders), gpt2 or llama (decoders)',
    parse: text,
  },
  minutes: { flags: '--minutes <n>', description: 'how long to train (default: 10)', parse: minutes },
  steps: { flags: '--steps <n>', description: 'updates to train for, instead of --minutes', parse: whole(1) },
  dropout: {
    flags: '--dropout <p>',
    description: 'share of numbers left out as it learns, such as 0.1 for few texts read often (default: 0)',
    parse: share,
  },
  mostTexts: {
    flags: '--most-texts <n>',
    description: 'texts to learn from, drawn by the seed (default: all)',
    parse: whole(50),
  },
} satisfies Record<string, OptionRow<unknown>>

export type OptionName = keyof typeof optionTable

/** The parsed values of the options that a command names; absent ones are undefined. */
export type OptionValues<N extends OptionName> = { [K in N]?: ReturnType<(typeof optionTable)[K]['parse']> }
