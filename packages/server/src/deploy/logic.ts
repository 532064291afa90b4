import type { Kysely } from 'kysely'
import { refuse } from '../errors.js'
import type { Events } from '../events.js'
import type { Log, Store, Tables } from '../store/index.js'
import type { Versions } from '../train/index.js'
import type { Endpoint, NewEndpoint } from './schema.js'
import { Sessions } from './sessions.js'
import { allEndpoints, findEndpoint, listEndpoints, putEndpoint } from './store.js'

const DEFAULT = 'default'
/** Earlier champions that are remembered. */
const REMEMBERED = 50
/** How long another process' change of an endpoint may go unnoticed here, in ms. */
const FRESH = 1000

/** Named endpoints: which version answers (champion), which shares the traffic (challenger), which listens (shadow). */
export class Endpoints {
  readonly #store: Store
  readonly #events: Events
  readonly #versions: Versions
  readonly #known = new Map<string, { endpoint: Endpoint | undefined; at: number }>()
  readonly sessions: Sessions

  constructor({ store, events, versions, log }: { store: Store; events: Events; versions: Versions; log: Log }) {
    this.#store = store
    this.#events = events
    this.#versions = versions
    this.sessions = new Sessions((project, version) => versions.folder(project, version), log)
  }

  /** Loads what the endpoints serve; a version that cannot be loaded is logged when it is asked. */
  async warmAll(): Promise<void> {
    const endpoints = await allEndpoints(this.#store.db)
    const versions = endpoints.flatMap(({ project, champion, challenger }) =>
      [champion, challenger?.version].filter((one) => one !== undefined).map((version) => ({ project, version })),
    )
    await Promise.all(
      versions.map(({ project, version }) => this.sessions.warm(project, version).catch(() => undefined)),
    )
  }

  /** Throws `unknown-endpoint`. */
  async get(project: string, name: string): Promise<Endpoint> {
    const endpoint = await findEndpoint(this.#store.db, project, name)
    if (!endpoint)
      throw refuse('unknown-endpoint', `The project "${project}" has no endpoint "${name}".`, { endpoint: name })
    return endpoint
  }

  async list(project: string): Promise<Endpoint[]> {
    return listEndpoints(this.#store.db, project)
  }

  /** The default endpoint, or the only other one; null before the first deployment. */
  async main(project: string): Promise<Endpoint | null> {
    return (await findEndpoint(this.#store.db, project, DEFAULT)) ?? (await this.list(project))[0] ?? null
  }

  /** The endpoint to predict with, from memory while that is fresh. Throws `no-champion`, `unknown-endpoint`. */
  async serving(project: string, name = DEFAULT): Promise<Endpoint> {
    const key = `${project}/${name}`
    let known = this.#known.get(key)
    if (!known || Date.now() - known.at > FRESH) {
      known = { endpoint: await findEndpoint(this.#store.db, project, name), at: Date.now() }
      this.#known.set(key, known)
    }
    if (known.endpoint) return known.endpoint
    this.#known.delete(key)
    if (name !== DEFAULT)
      throw refuse('unknown-endpoint', `The project "${project}" has no endpoint "${name}".`, { endpoint: name })
    throw refuse(
      'no-champion',
      `The project "${project}" has no deployed model version yet: PUT one to /endpoints/default.`,
    )
  }

  async live(project: string): Promise<Map<string, string[]>> {
    const live = new Map<string, string[]>()
    for (const { name, champion, challenger, shadow } of await this.list(project))
      for (const version of new Set([champion, challenger?.version, shadow]))
        if (version) live.set(version, [...(live.get(version) ?? []), name])
    return live
  }

  /** Sets what an endpoint serves. New versions are made ready first; requests go on meanwhile. */
  async put(project: string, name: string, wanted: NewEndpoint): Promise<Endpoint> {
    return this.#switch(project, name, (now) => ({
      champion: wanted.champion,
      challenger: wanted.challenger ?? null,
      shadow: wanted.shadow ?? null,
      previous: remembered(now, wanted.champion),
    }))
  }

  /** Makes a version (default: the challenger) the champion. `extra` joins the transaction that switches. */
  async promote(
    project: string,
    name: string,
    version?: string,
    extra?: (trx: Kysely<Tables>) => Promise<void>,
  ): Promise<Endpoint> {
    const change = (now: Endpoint | undefined) => {
      const champion = version ?? now?.challenger?.version
      if (!champion)
        throw refuse('no-challenger', `The endpoint "${name}" has no challenger; name the version to promote.`)
      const challenger = now?.challenger?.version === champion ? null : (now?.challenger ?? null)
      return {
        champion,
        challenger,
        shadow: now?.shadow === champion ? null : (now?.shadow ?? null),
        previous: remembered(now, champion),
      }
    }
    return this.#switch(project, name, change, extra)
  }

  /** Goes back to the champion before this one. Throws `no-previous`. */
  async rollback(project: string, name: string): Promise<Endpoint> {
    await this.get(project, name)
    return this.#switch(project, name, (now) => {
      const [champion, ...previous] = now?.previous ?? []
      if (!champion) throw refuse('no-previous', `The endpoint "${name}" has no earlier champion to go back to.`)
      return { champion, challenger: null, shadow: now?.shadow ?? null, previous }
    })
  }

  async close(): Promise<void> {
    await this.sessions.close()
  }

  async #switch(
    project: string,
    name: string,
    change: (now: Endpoint | undefined) => Omit<Endpoint, 'name' | 'updatedAt'>,
    extra?: (trx: Kysely<Tables>) => Promise<void>,
  ): Promise<Endpoint> {
    const wanted = change(await findEndpoint(this.#store.db, project, name))
    const served = [wanted.champion, wanted.challenger?.version, wanted.shadow].filter((one) => typeof one === 'string')
    // A version that is warm already may be another project's.
    for (const version of served) await this.#versions.form(project, version)
    await Promise.all(served.map((version) => this.sessions.warm(project, version)))
    const endpoint = await this.#store.db.transaction().execute(async (trx) => {
      const next = { ...change(await findEndpoint(trx, project, name)), name, updatedAt: new Date().toISOString() }
      await putEndpoint(trx, project, next)
      await extra?.(trx)
      return next
    })
    this.#known.set(`${project}/${name}`, { endpoint, at: Date.now() })
    this.#events.emit(project, { kind: 'endpoint', id: name })
    return endpoint
  }
}

function remembered(now: Endpoint | undefined, next: string): string[] {
  if (!now || now.champion === next) return now?.previous ?? []
  return [now.champion, ...now.previous].slice(0, REMEMBERED)
}
