import { setTimeout as sleep } from 'node:timers/promises'
import { ModelsError } from '../errors.js'
import type { HubSettings } from './settings.js'

/** How long failures that may pass are borne. */
export interface Patience {
  /** Attempts without a byte of progress before giving up. */
  readonly attempts: number
  /** Milliseconds before the second attempt; doubled each time. */
  readonly delay: number
  /** Milliseconds without a byte before a connection is given up. */
  readonly stall: number
}

export const usualPatience: Patience = { attempts: 5, delay: 1000, stall: 30_000 }

/** The longest wait between two attempts, in ms, also when a server asks for more. */
const LONGEST_WAIT = 60_000

/** A failure that another attempt may mend; `refusal` is what to say when none did. */
export class Passing extends Error {
  /** Bytes arrived before it failed. */
  progressed = false

  constructor(
    readonly refusal: ModelsError,
    readonly wait?: number,
  ) {
    super(refusal.message, { cause: refusal.cause })
  }
}

/** Repeats `attempt` while its failures are passing ones; those with progress do not count. */
export async function withPatience<T>(
  { attempts, delay }: Patience,
  signal: AbortSignal | undefined,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let failures = 0; ; ) {
    try {
      return await attempt()
    } catch (error) {
      if (!(error instanceof Passing)) throw error
      failures = error.progressed ? 1 : failures + 1
      if (failures >= attempts) throw error.refusal
      await sleep(Math.min(error.wait ?? delay * 2 ** (failures - 1), LONGEST_WAIT), undefined, { signal })
    }
  }
}

/** Ends a connection on which nothing arrives. */
export class StallTimer {
  private readonly controller = new AbortController()
  private timer: NodeJS.Timeout | undefined
  readonly signal: AbortSignal

  constructor(
    private readonly stall: number,
    outer: AbortSignal | undefined,
  ) {
    this.signal = outer ? AbortSignal.any([outer, this.controller.signal]) : this.controller.signal
    this.restart()
  }

  restart(): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.controller.abort(), this.stall)
  }

  stop(): void {
    clearTimeout(this.timer)
  }
}

/** Asks the hub for things of one model; answers that are not good become errors that say what to do. */
export class HubClient {
  constructor(
    readonly settings: HubSettings,
    readonly id: string,
    readonly revision: string,
    readonly patience: Patience,
    readonly signal?: AbortSignal,
  ) {}

  /**
   * One request, without repetition.
   *
   * @param path from the endpoint on
   * @throws Passing when another attempt may help, ModelsError when not
   */
  async request(path: string, timer: StallTimer, init: RequestInit = {}): Promise<Response> {
    const { endpoint, token } = this.settings
    // The bytes as they are: lengths and ranges are counted in them.
    const headers = {
      'accept-encoding': 'identity',
      'user-agent': 'volant',
      ...(token && { authorization: `Bearer ${token}` }),
      ...init.headers,
    }
    let response: Response
    try {
      response = await fetch(`${endpoint}/${path}`, { ...init, headers, signal: timer.signal })
    } catch (cause) {
      throw this.cut(cause)
    }
    if (response.ok || (init.redirect === 'manual' && response.status < 400)) return response
    await response.body?.cancel()
    throw this.refusal(response)
  }

  /** A connection that could not be made, or broke. */
  cut(cause: unknown): Error {
    if (this.signal?.aborted) return this.signal.reason
    const code = reasonOf(cause)
    return new Passing(
      new ModelsError(
        'no-network',
        `${this.settings.endpoint} cannot be reached (${code}); check the network, or set HF_ENDPOINT to a mirror.`,
        { endpoint: this.settings.endpoint, reason: code },
        { cause },
      ),
    )
  }

  private refusal(response: Response): Error {
    const { id, revision, settings } = this
    const { status } = response
    const refuse = (code: string, message: string) => new ModelsError(code, message, { id, revision, status })
    const reason = response.headers.get('x-error-code')
    if (status === 429 || status >= 500) {
      const seconds = Number(response.headers.get('retry-after') ?? Number.NaN)
      const what = status === 429 ? 'asks to wait (HTTP 429)' : `fails (HTTP ${status})`
      return new Passing(
        refuse('hub-unavailable', `${settings.endpoint} ${what}; try again later.`),
        Number.isFinite(seconds) ? seconds * 1000 : undefined,
      )
    }
    if (reason === 'GatedRepo')
      return refuse(
        'model-gated',
        `"${id}" is given only to those who accept its terms: do so at ${settings.endpoint}/${id}, then set HF_TOKEN.`,
      )
    if (reason === 'RevisionNotFound')
      return refuse('revision-missing', `"${id}" has no revision "${revision}" at ${settings.endpoint}.`)
    if (status === 401 || status === 403)
      return refuse(
        'model-forbidden',
        settings.token
          ? `${settings.endpoint} does not give "${id}" to the token in use (HTTP ${status}); check the name and HF_TOKEN.`
          : `${settings.endpoint} has no public model "${id}" (HTTP ${status}); check the name, or set HF_TOKEN if it is private.`,
      )
    if (status === 404)
      return refuse(
        'model-missing',
        `${settings.endpoint} has no model "${id}" of revision "${revision}"; check the name.`,
      )
    return refuse('hub-unavailable', `${settings.endpoint} answers HTTP ${status} for "${id}".`)
  }
}

/** The innermost code or name of why a connection failed. */
function reasonOf(error: unknown): string {
  let reason = error
  while (reason instanceof Error && reason.cause instanceof Error) reason = reason.cause
  if (!(reason instanceof Error)) return String(reason)
  if (reason.name === 'AbortError') return 'nothing arrives'
  return (reason as NodeJS.ErrnoException).code ?? reason.message
}
