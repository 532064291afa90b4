import path from 'node:path'
import { VolantError } from '@volant/data'
import { refuse } from '../errors.js'
import type { Log } from '../store/index.js'
import {
  type EmbedTask,
  LONGEST_TOKEN,
  type ModelFacts,
  type Result,
  type Task,
  type ThreadSettings,
  type WriteTask,
} from './messages.js'
import { ModelThread, type NotOpened, type RunOptions } from './thread.js'

type DecoderFacts = Extract<ModelFacts, { kind: 'decoder' }>

/** A language model that the server answers with under /v1. */
export interface HostedModel {
  /** What requests call it. */
  name: string
  /** A model's folder, a .gguf file, or a name on the hub. */
  source: string
  /** What the model with one of these PEFT adapters on its weights is called; they share these. Decoders only. */
  adapters?: readonly { name: string; folder: string }[]
}

/** What a name stands for: a model, or one of its adapters. */
interface Named {
  model: HostedModel
  /** Counted from 1; 0: the model without one. */
  adapter: number
}

export interface LanguageOptions {
  models?: readonly HostedModel[]
  /** Threads that share one operation of a model. Default 1. */
  threads?: number
  /** Weights in 8-bit or 4-bit whole numbers; default float32. */
  quantise?: 'int8' | '4bit'
  /** How long a model that nobody asks stays loaded, in ms. Default 15 minutes. */
  idleTime?: number
}

const form = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,79}$/
/** What a task needs, and where to ask else. */
const needs = {
  write: { kind: 'decoder', other: 'makes vectors and writes no texts; ask it at /v1/embeddings' },
  embed: { kind: 'encoder', other: 'writes texts and makes no vectors; ask it at /v1/chat/completions' },
} as const

/** The language models of this server: each in a thread of its own, loaded when it is first asked, released when idle. */
export class HostedModels {
  readonly #named: ReadonlyMap<string, Named>
  readonly #settings: Omit<ThreadSettings, 'name' | 'source' | 'adapters'>
  readonly #idleTime: number
  readonly #log: Log
  readonly #threads = new Map<string, ModelThread>()
  readonly #sweep: NodeJS.Timeout
  #closed = false

  /** Throws VolantError `bad-models` when names are no names, or not different. */
  constructor({ models = [], threads = 1, quantise, idleTime = 15 * 60_000 }: LanguageOptions, log: Log) {
    this.#named = namedOf(models)
    this.#settings = { threads, ...(quantise && { quantise }) }
    this.#idleTime = idleTime
    this.#log = log
    this.#sweep = setInterval(() => this.#closeIdle(), Math.min(60_000, idleTime)).unref()
  }

  get names(): string[] {
    return [...this.#named.keys()]
  }

  /** Models that are in memory. */
  get loaded(): number {
    return this.#threads.size
  }

  /** Throws `unknown-model`. */
  get(name: string): Named {
    const named = this.#named.get(name)
    if (named) return named
    const known =
      this.names.length > 0
        ? `it has ${this.names.map((one) => `"${one}"`).join(', ')}`
        : 'it has none; start it with --model name=folder'
    throw refuse('unknown-model', `This server has no language model "${name}": ${known}.`, { param: 'model' })
  }

  /**
   * Has a model do a task, loading it if need be. Throws `unknown-model`, `model-not-loaded` (which says why),
   * `bad-request`, `queue-full`.
   */
  async run<T extends Task>(name: string, task: T, options: RunOptions): Promise<Result<T>> {
    const { model, adapter } = this.get(name)
    for (;;) {
      const thread = this.#thread(model)
      const facts = await this.#ready(model, thread)
      const { kind, other } = needs[task.kind]
      if (facts.kind !== kind) throw refuse('bad-request', `The model "${name}" ${other}.`, { param: 'model' })
      if (task.kind === 'write' && facts.kind === 'decoder') {
        refuseUnread(name, model, adapter, facts)
        refuseEndless(task, facts)
      }
      if (task.kind === 'embed' && facts.kind === 'encoder') refuseOtherWidth(task, facts)
      if (thread.usable) return thread.run(task.kind === 'write' ? { ...task, adapter } : task, options)
      if (this.#closed) throw refuse('not-ready', 'The server is stopping.')
    }
  }

  async close(): Promise<void> {
    this.#closed = true
    clearInterval(this.#sweep)
    const all = [...this.#threads.values()]
    this.#threads.clear()
    await Promise.all(all.map((thread) => thread.close()))
  }

  #thread({ name, source, adapters = [] }: HostedModel): ModelThread {
    const kept = this.#threads.get(name)
    if (kept?.usable) return kept
    const thread = new ModelThread({ ...this.#settings, name, source, adapters: adapters.map(folderOf) })
    this.#threads.set(name, thread)
    const started = performance.now()
    thread.ready().then(
      () => this.#log.info({ model: name, ms: Math.round(performance.now() - started) }, 'language model loaded'),
      (error) => {
        this.#log.warn({ model: name, err: error }, 'language model not loaded')
        this.#drop(name, thread)
      },
    )
    return thread
  }

  async #ready(model: HostedModel, thread: ModelThread): Promise<ModelFacts> {
    try {
      return await thread.ready()
    } catch (error) {
      const { message, place } = error as NotOpened
      throw notLoaded(model.name, named(message, model, place))
    }
  }

  #drop(name: string, thread: ModelThread): void {
    if (this.#threads.get(name) === thread) this.#threads.delete(name)
    void thread.close()
  }

  #closeIdle(): void {
    for (const [name, thread] of this.#threads) {
      if (thread.busy || Date.now() - thread.usedAt < this.#idleTime) continue
      this.#log.info({ model: name }, 'language model released')
      this.#drop(name, thread)
    }
  }
}

/** Refuses what cannot fit before it is divided into tokens, which would take long. */
function refuseEndless({ prompt }: WriteTask, { positions }: { positions: number }): void {
  const texts = typeof prompt === 'string' ? [prompt] : prompt.map(({ content }) => String(content))
  const length = texts.reduce((sum, text) => sum + text.length, 0)
  if (length > positions * LONGEST_TOKEN)
    throw refuse(
      'bad-request',
      `The prompt has ${length} characters, but the model has ${positions} positions for tokens; shorten the prompt.`,
    )
}

function refuseOtherWidth({ width: asked }: EmbedTask, { width }: { width: number }): void {
  if (asked === undefined || asked === width) return
  const sentence = `Vectors of this model have ${width} dimensions, not ${asked}, and are not cut; leave "dimensions" out.`
  throw refuse('unsupported-parameter', sentence, { param: 'dimensions' })
}

/** Refuses a name whose adapter cannot be read; the model and its other adapters answer nevertheless. */
function refuseUnread(name: string, model: HostedModel, adapter: number, { unread, place }: DecoderFacts): void {
  const chosen = model.adapters?.[adapter - 1]
  const why = chosen && unread[folderOf(chosen)]
  if (why !== undefined) throw notLoaded(name, named(why.replaceAll(folderOf(chosen!), name), model, place))
}

/** The folder of an adapter, whole, so that it can be told from the rest of a sentence. */
const folderOf = ({ folder }: { folder: string }): string => path.resolve(folder)

const notLoaded = (name: string, why: string) =>
  refuse('model-not-loaded', `The language model "${name}" could not be loaded: ${why.replace(/\.$/, '')}.`, {
    model: name,
  })

/** A failure as callers are told: they know the model by its name; where its files are is the owner's affair. */
const named = (why: string, { name, source }: HostedModel, place: string | undefined): string =>
  place === undefined ? why.replaceAll(`"${source}"`, `"${name}"`) : why.replaceAll(place, name)

function namedOf(models: readonly HostedModel[]): Map<string, Named> {
  const all = models.flatMap((model): [string, Named][] => [
    [model.name, { model, adapter: 0 }],
    ...(model.adapters ?? []).map(({ name }, at): [string, Named] => [name, { model, adapter: at + 1 }]),
  ])
  checkNames(all.map(([name]) => name))
  return new Map(all)
}

function checkNames(names: readonly string[]): void {
  for (const [at, name] of names.entries()) {
    if (!form.test(name))
      throw new VolantError(
        'bad-models',
        `"${name}" cannot be the name of a language model; expected letters, digits, ".", "_", ":" and "-", at most 80.`,
        { name },
      )
    if (names.indexOf(name) < at)
      throw new VolantError('bad-models', `Two language models are called "${name}"; give each a name of its own.`, {
        name,
      })
  }
}
