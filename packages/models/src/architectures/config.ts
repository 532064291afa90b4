import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ModelsError } from '../errors.js'
import { parseObject } from '../files/json.js'

/** More than any model has (DeepNet, Wang et al. 2022, has 1,000). */
const mostLayers = 2000

/** The settings of a pretrained model, from its config.json; a value of the wrong kind is refused by name. */
export class Config {
  constructor(
    readonly values: Readonly<Record<string, unknown>>,
    /** For messages: the file they come from. */
    readonly source: string,
  ) {}

  /** A number of at least `least`; without a default it must be there. */
  number(name: string, { least = 0, or }: { readonly least?: number; readonly or?: number } = {}): number {
    const value = this.values[name] ?? or
    if (typeof value !== 'number' || !(value >= least)) throw this.#wrong(name, `a number of at least ${least}`)
    return value
  }

  /** A whole number of at least 1. */
  size(name: string, or?: number): number {
    const value = this.values[name] ?? or
    if (!Number.isSafeInteger(value) || (value as number) < 1) throw this.#wrong(name, 'a whole number of at least 1')
    return value as number
  }

  /** A list of so many numbers above 0. */
  numbers(name: string, count: number): number[] {
    const value = this.values[name]
    const fits = Array.isArray(value) && value.length === count && value.every((one) => Number.isFinite(one) && one > 0)
    if (!fits) throw this.#wrong(name, `${count} numbers above 0`)
    return value
  }

  /** How many layers there are: they are made before a weight is read, so a file may not ask for any number. */
  layers(name: string): number {
    const layers = this.size(name)
    if (layers > mostLayers) throw this.#wrong(name, `at most ${mostLayers}`)
    return layers
  }

  /** Settings within this one; none where it is absent. */
  section(name: string): Config {
    const value = this.values[name] ?? {}
    if (typeof value !== 'object' || Array.isArray(value)) throw this.#wrong(name, 'an object')
    return new Config(value as Record<string, unknown>, `${this.source}, ${name}`)
  }

  boolean(name: string, or: boolean): boolean {
    const value = this.values[name] ?? or
    if (typeof value !== 'boolean') throw this.#wrong(name, 'true or false')
    return value
  }

  text(name: string, or?: string): string {
    const value = this.values[name] ?? or
    if (typeof value !== 'string') throw this.#wrong(name, 'a text')
    return value
  }

  /** What a name of theirs stands for; others are refused with those that are known. */
  choice<T>(name: string, known: Readonly<Record<string, T>>, or?: string): T {
    const value = this.text(name, or)
    if (!Object.hasOwn(known, value)) throw this.#wrong(name, `one of ${Object.keys(known).join(', ')}`)
    return known[value]!
  }

  /** Refuses any other value of a setting that this program does not vary. */
  only(name: string, supported: unknown): void {
    const value = this.values[name]
    if (value !== undefined && value !== null && value !== supported)
      throw this.#wrong(name, `${JSON.stringify(supported)}, the only one that is supported`)
  }

  #wrong(name: string, expected: string): ModelsError {
    const found = JSON.stringify(this.values[name]) ?? 'missing'
    return new ModelsError('bad-config', `${this.source}: "${name}" is ${found}, expected ${expected}.`, {
      name,
      found: this.values[name],
      expected,
    })
  }
}

/** The config.json of a model folder. Throws ModelsError `model-not-found`, `bad-config`. */
export async function readConfig(folder: string): Promise<Config> {
  const file = join(folder, 'config.json')
  const text = await readFile(file, 'utf8').catch((cause) => {
    throw new ModelsError(
      'model-not-found',
      `"${folder}" is no folder of a pretrained model: it has no readable config.json.`,
      { folder },
      { cause },
    )
  })
  return new Config(parseObject(text, file), file)
}
