import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cast, div, maximum, maxOverTime, mul, reduceSum, slice, squeeze, unsqueeze, type Value } from '@volant/graph'
import { unitLength } from '@volant/nn'
import { Config } from '../architectures/config.js'
import { ModelsError } from '../errors.js'
import { isObject, parseJson, parseObject } from '../files/json.js'

/** How the vectors of tokens become one of the text. */
export interface Pooling {
  /** `first`: that of the first token, which BERT calls [CLS]. */
  readonly mode: 'mean' | 'max' | 'first'
  /** Scaled to length 1. */
  readonly normalise: boolean
}

/** Hidden states [B, T, width], mask bool [B, T] -> [B, width]. */
export function pool(states: Value, mask: Value, { mode, normalise }: Pooling): Value {
  const pooled = poolings[mode](states, mask)
  return normalise ? unitLength(pooled) : pooled
}

const poolings: Record<Pooling['mode'], (states: Value, mask: Value) => Value> = {
  mean(states, mask) {
    const weights = unsqueeze(cast(mask, states.dtype), 2)
    return div(reduceSum(mul(states, weights), 1), maximum(reduceSum(weights, 1), 1))
  },
  max: maxOverTime,
  first: (states) => squeeze(slice(states, { axis: 1, end: 1 }), 1),
}

/** Kinds of module of sentence-transformers, by the last part of their name. */
interface SentenceModule {
  readonly type: string
  readonly path: string
}

/**
 * Reads modules.json of a sentence-transformers folder and the settings of its modules; a folder without it has the mean of its
 * tokens. `longest`: tokens of a text that are read.
 */
export async function openPooling(folder: string): Promise<{ pooling: Pooling; longest: number }> {
  const modules = await readIfThere(folder, 'modules.json', parseModules)
  if (!modules) return { pooling: { mode: 'mean', normalise: false }, longest: mostTokens }
  let mode: Pooling['mode'] = 'mean'
  let normalise = false
  for (const { type, path } of modules) {
    const kind = type.split('.').at(-1)!
    if (kind === 'Pooling') mode = await poolingMode(folder, path)
    else if (kind === 'Normalize') normalise = true
    else if (kind !== 'Transformer')
      throw new ModelsError(
        'unknown-module',
        `${join(folder, 'modules.json')}: the module "${type}" is not known; known are Transformer, Pooling and Normalize.`,
        { type },
      )
  }
  const settings = (await readIfThere(folder, 'sentence_bert_config.json', parseObject)) ?? {}
  const longest = new Config(settings, join(folder, 'sentence_bert_config.json')).size('max_seq_length', mostTokens)
  return { pooling: { mode, normalise }, longest }
}

/** Where nothing says how much of a text is read. */
const mostTokens = Number.MAX_SAFE_INTEGER

function parseModules(text: string, file: string): readonly SentenceModule[] {
  const modules = parseJson(text, file)
  const isModule = (one: unknown) => isObject(one) && typeof one['type'] === 'string' && typeof one['path'] === 'string'
  if (Array.isArray(modules) && modules.every(isModule)) return modules
  throw new ModelsError('bad-config', `${file} is no list of modules, each with its "type" and "path".`, { file })
}

/** How modes are called in 1_Pooling/config.json. */
const modes: Readonly<Record<string, Pooling['mode']>> = {
  pooling_mode_mean_tokens: 'mean',
  pooling_mode_cls_token: 'first',
  pooling_mode_max_tokens: 'max',
}

async function poolingMode(folder: string, path: string): Promise<Pooling['mode']> {
  const file = join(path, 'config.json')
  const settings = (await readIfThere(folder, file, parseObject)) ?? {}
  const chosen = Object.keys(settings).filter((name) => name.startsWith('pooling_mode') && settings[name] === true)
  const mode = modes[chosen[0] ?? '']
  if (mode && chosen.length === 1) return mode
  throw new ModelsError(
    'unknown-pooling',
    `${join(folder, file)}: the pooling is ${chosen.join(' and ') || 'not chosen'}, expected one of ${Object.keys(modes).join(', ')}.`,
    { chosen },
  )
}

async function readIfThere<T>(
  folder: string,
  name: string,
  parse: (text: string, file: string) => T,
): Promise<T | undefined> {
  const text = await readFile(join(folder, name), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  return parse(text, join(folder, name))
}
