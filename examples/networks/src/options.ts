import { existsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { type Example, type ExampleName, examples, type NetworkOf } from './examples.js'

/** What an example can be told; what is undefined was not given. */
export interface Options<Network extends string = string> {
  /** Folder of the data sets, absolute. */
  readonly data: string
  readonly seed: number
  readonly epochs: number | undefined
  readonly iterations: number | undefined
  readonly minutes: number | undefined
  readonly threads: number | undefined
  readonly network: Network | undefined
  readonly checkpoint: string | undefined
  /** A pretrained encoder: the name of one that comes with Volant, a model folder, or a name on the hub. */
  readonly base: string | undefined
}

/** A command that cannot be run as it was given; the message is one sentence. */
export class UsageError extends Error {}

interface Flag {
  /** Stands for the value in the help. */
  readonly value: string
  readonly about: string
  readonly expected: string
  /** Undefined for what is refused. */
  readonly read: (text: string) => string | number | undefined
}

const wholeNumber = (least: number, about: string): Flag => ({
  value: 'N',
  about,
  expected: `an integer of at least ${least}`,
  read: (text) => (/^\d{1,9}$/.test(text) && Number(text) >= least ? Number(text) : undefined),
})

const DATA = '../shared/data'

const flags = {
  network: {
    value: 'NAME',
    about: 'of the examples that have several',
    expected: 'a name',
    read: (text) => text,
  },
  epochs: wholeNumber(1, 'passes over the training rows'),
  iterations: wholeNumber(1, 'updates'),
  minutes: {
    value: 'N',
    about: 'stop after so many minutes; where iterations are counted, make as many as fit into these',
    expected: 'a number above 0',
    read: (text) => (/^\d*\.?\d+$/.test(text) && Number(text) > 0 ? Number(text) : undefined),
  },
  base: {
    value: 'MODEL',
    about: 'the pretrained encoder: a folder, or a name on the hub (default english, which comes with Volant)',
    expected: 'a folder or a name',
    read: (text) => (text === '' ? undefined : text),
  },
  checkpoint: {
    value: 'FILE',
    about: 'keep the state there, from which the same command goes on after a stop or Ctrl-C',
    expected: 'a file in a folder that is there',
    read: (text) => (text !== '' && existsSync(dirname(resolve(text))) ? text : undefined),
  },
  data: {
    value: 'FOLDER',
    about: `of the data sets (default ${DATA})`,
    expected: 'a folder',
    read: (text) => (text === '' ? undefined : resolve(text)),
  },
  seed: wholeNumber(0, 'of first weights, order and all chance (default 42)'),
  threads: wholeNumber(1, 'that share one operation (default: all cores)'),
} satisfies Record<keyof Options, Flag>

/** The flags that an example has, by name. */
function flagsOf({ networks = {}, startsFromBase, counts }: Example): Record<string, Flag> {
  const names = Object.keys(networks)
  const network: Flag = {
    value: 'NAME',
    about: Object.entries(networks)
      .map(([name, remark]) => (remark ? `${name} (${remark})` : name))
      .join(', '),
    expected: `one of ${names.join(', ')}`,
    read: (text) => (names.includes(text) ? text : undefined),
  }
  const absent = [
    counts === 'epochs' ? 'iterations' : 'epochs',
    ...(names.length > 0 ? [] : ['network']),
    ...(startsFromBase ? [] : ['base']),
  ]
  return Object.fromEntries(Object.entries({ ...flags, network }).filter(([name]) => !absent.includes(name)))
}

/** Reads the flags after the example's name. Throws UsageError, which names the flag, what was found and what was expected. */
export function readOptions<N extends ExampleName>(
  name: N,
  args: readonly string[] = process.argv.slice(3),
): Options<NetworkOf<N>> {
  const known = flagsOf(examples[name])
  const names = Object.keys(known)
  const { tokens } = parseArgs({
    args: [...args],
    options: Object.fromEntries(names.map((flag) => [flag, { type: 'string' }])),
    strict: false,
    tokens: true,
  })
  const read: Record<string, string | number> = {}
  for (const token of tokens) {
    const flag = token.kind === 'option' && names.includes(token.name) ? known[token.name] : undefined
    if (token.kind !== 'option' || !flag) {
      const expected = names.map((flag) => `--${flag}`).join(', ')
      throw new UsageError(`${name}: expected one of ${expected}, found "${args[token.index]}"`)
    }
    const value = token.value === undefined ? undefined : flag.read(token.value)
    const found = token.value === undefined ? 'nothing' : `"${token.value}"`
    if (value === undefined) throw new UsageError(`--${token.name}: expected ${flag.expected}, found ${found}`)
    read[token.name] = value
  }
  return { data: resolve(DATA), seed: 42, ...read } as unknown as Options<NetworkOf<N>>
}

/** How to call the examples, or one of them. */
export function help(name?: ExampleName): string {
  return name ? helpOf(name, examples[name]) : helpOfAll()
}

function helpOfAll(): string {
  return [
    'npm run example -- NAME [FLAGS]: trains a network on real data and prints its figures as JSON.',
    'NAME',
    ...columns(Object.entries(examples).map(([name, { shows }]) => [name, shows])),
    'FLAGS',
    ...flagLines(flags),
    'For example',
    '  npm run example -- digits',
    '  npm run example -- fashion-mnist --network resnet --checkpoint fashion.safetensors --minutes 20',
    '  npm run example -- fashion-mnist --help',
  ].join('\n')
}

function helpOf(name: ExampleName, example: Example): string {
  const network = Object.keys(example.networks ?? {}).at(-1)
  return [
    `npm run example -- ${name} [FLAGS]: ${example.shows}. Its figures are printed as JSON.`,
    'FLAGS',
    ...flagLines(flagsOf(example)),
    'For example',
    `  npm run example -- ${name} --seed 7`,
    `  npm run example -- ${name} ${network ? `--network ${network} ` : ''}--checkpoint ${name}.safetensors --minutes 20`,
  ].join('\n')
}

const flagLines = (flags: Readonly<Record<string, Flag>>) =>
  columns(Object.entries(flags).map(([name, { value, about }]) => [`--${name} ${value}`, about]))

function columns(rows: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`)
}
