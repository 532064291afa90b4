import { parseArgs } from 'node:util'

/** What every example can be told. */
export interface Options {
  /** Folder of the data sets. */
  readonly data: string
  readonly seed: number
  /** Stop after this many minutes; with a checkpoint the same command goes on from there. */
  readonly minutes: number
  readonly epochs: number | undefined
  readonly threads: number | undefined
  readonly checkpoint: string | undefined
  readonly network: string | undefined
}

/** Reads the flags after the example's name. Throws on a flag that is unknown or no number where one is needed. */
export function readOptions(flags: readonly string[] = process.argv.slice(3)): Options {
  const { values } = parseArgs({
    args: [...flags],
    options: {
      data: { type: 'string', default: '../shared/data' },
      seed: { type: 'string', default: '42' },
      minutes: { type: 'string', default: 'Infinity' },
      epochs: { type: 'string' },
      threads: { type: 'string' },
      checkpoint: { type: 'string' },
      network: { type: 'string' },
    },
  })
  const { data, checkpoint, network } = values
  const number = (name: string, text: string): number => {
    const value = Number(text)
    if (Number.isNaN(value)) throw new Error(`--${name}: expected a number, found "${text}"`)
    return value
  }
  return {
    data,
    checkpoint,
    network,
    seed: number('seed', values.seed),
    minutes: number('minutes', values.minutes),
    epochs: values.epochs === undefined ? undefined : number('epochs', values.epochs),
    threads: values.threads === undefined ? undefined : number('threads', values.threads),
  }
}
