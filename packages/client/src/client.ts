import { readEvents } from './events.js'
import { problemOf, VolantProblem } from './problem.js'
import type * as api from './types.js'

export interface ClientOptions {
  /** Address of the server, such as `http://127.0.0.1:4600`. */
  url: string
  /** API key. On the server's own machine none is needed. */
  key?: string
  /** Another `fetch` than the global one. */
  fetch?: typeof fetch
  /** How often a request answered 429 or 503 is sent again after the time the server names. Default 2. */
  retries?: number
}
/** What `fetch` can send: text, bytes, a stream, a form. */
type Body = NonNullable<RequestInit['body']>

interface Call {
  query?: object
  json?: unknown
  body?: Body
  type?: string
  signal?: AbortSignal
}

/**
 * Typed access to a Volant server. A refused request throws {@link VolantProblem}.
 *
 * @example
 * const desk = new VolantClient({ url: 'http://127.0.0.1:4600' }).project('desk')
 * const [answer] = await desk.predict({ rows: [{ message: 'where is my card?' }] })
 */
export class VolantClient {
  readonly url: string
  constructor(private readonly options: ClientOptions) {
    this.url = options.url.replace(/\/+$/, '')
  }

  /** The routes of one project. */
  project(id: string): ProjectClient {
    return new ProjectClient(this, id)
  }

  projects(query?: api.PageQuery): Promise<api.Page<api.Project>> {
    return this.get('/api/v1/projects', query)
  }
  createProject(project: api.NewProject): Promise<api.Project> {
    return this.send('POST', '/api/v1/projects', project)
  }

  /** Makes an API key; its secret (`key`) is in this answer and never again. */
  createKey(key: api.NewKey): Promise<api.Key & { key: string }> {
    return this.send('POST', '/api/v1/keys', key)
  }
  keys(query?: api.PageQuery): Promise<api.Page<api.Key>> {
    return this.get('/api/v1/keys', query)
  }
  revokeKey(id: string): Promise<void> {
    return this.send('DELETE', `/api/v1/keys/${encodeURIComponent(id)}`)
  }
  /** Every channel with its kind, plan and quota. */
  channels(): Promise<api.Page<api.Channel>> {
    return this.get('/api/v1/channels')
  }
  /** Makes a channel or changes what is given of it. */
  setChannel(name: string, settings: api.ChannelSettings = {}): Promise<api.Channel> {
    return this.send('PUT', `/api/v1/channels/${encodeURIComponent(name)}`, settings)
  }
  /** Ends a channel: its keys are revoked at once; its usage stays. */
  endChannel(name: string): Promise<void> {
    return this.send('DELETE', `/api/v1/channels/${encodeURIComponent(name)}`)
  }
  me(): Promise<api.Me> {
    return this.get('/api/v1/me')
  }
  /** Is the server up and ready to answer? */
  async ready(): Promise<boolean> {
    try {
      return (await this.response('GET', '/readyz', {}, 0)).ok
    } catch {
      return false
    }
  }

  get<T>(path: string, query?: object): Promise<T> {
    return this.request('GET', path, { query })
  }
  send<T>(method: string, path: string, json?: unknown): Promise<T> {
    return this.request(method, path, { json })
  }

  /** Sends one request and reads its JSON answer. */
  async request<T>(method: string, path: string, call: Call): Promise<T> {
    const response = await this.response(method, path, call)
    if (response.status === 204) return undefined as T
    const isJson = response.headers.get('content-type')?.includes('json')
    return (isJson ? await response.json() : await response.text()) as T
  }

  /** Sends one request; throws {@link VolantProblem} unless the answer is 2xx. */
  async response(method: string, path: string, call: Call, retries = this.options.retries ?? 2): Promise<Response> {
    const url = new URL(this.url + path)
    for (const [name, value] of Object.entries(call.query ?? {})) {
      if (value !== undefined && value !== null) url.searchParams.set(name, String(value))
    }
    const type = call.type ?? (call.json === undefined ? undefined : 'application/json')
    const init: RequestInit & { duplex?: 'half' } = {
      method,
      headers: {
        ...(this.options.key && { authorization: `Bearer ${this.options.key}` }),
        ...(type && { 'content-type': type }),
      },
      body: call.body ?? (call.json === undefined ? undefined : JSON.stringify(call.json)),
      signal: call.signal,
      // A streamed body is sent before the answer is read (Fetch standard: `duplex`).
      ...(call.body instanceof ReadableStream && { duplex: 'half' }),
    }
    let response: Response
    try {
      response = await (this.options.fetch ?? fetch)(url, init)
    } catch (cause) {
      if (call.signal?.aborted) throw cause
      const why = cause instanceof Error && cause.cause instanceof Error ? cause.cause.message : String(cause)
      throw new VolantProblem(
        'unreachable',
        0,
        `No server answers at ${this.url} (${why}). Start one with: volant up`,
        {},
        { cause },
      )
    }
    if (response.ok) return response
    const problem = await problemOf(response)
    const again =
      (response.status === 429 || response.status === 503) && retries > 0 && !(call.body instanceof ReadableStream)
    if (!again) throw problem
    await new Promise((resolve) => setTimeout(resolve, (problem.retryAfter ?? 1) * 1000))
    return this.response(method, path, call, retries - 1)
  }
}

/** The routes of one project, in the order of the loop. */
export class ProjectClient {
  private readonly base: string
  constructor(
    private readonly client: VolantClient,
    readonly id: string,
  ) {
    this.base = `/api/v1/projects/${encodeURIComponent(id)}`
  }
  private get<T>(path: string, query?: object): Promise<T> {
    return this.client.get(this.base + path, query)
  }
  private send<T>(method: string, path: string, json?: unknown): Promise<T> {
    return this.client.send(method, this.base + path, json)
  }

  // needs
  read(): Promise<api.Project> {
    return this.get('')
  }
  change(changes: Partial<Omit<api.NewProject, 'id'>>): Promise<api.Project> {
    return this.send('PATCH', '', changes)
  }
  remove(): Promise<void> {
    return this.send('DELETE', '')
  }

  // collect
  /** Uploads a data file; `name` ends in csv, tsv, jsonl or parquet (+ .gz). */
  upload(body: Body, query: api.Provenance & { name: string; mode?: 'append' | 'replace' }): Promise<api.Dataset> {
    const call = { query, body, type: 'application/octet-stream' }
    return this.client.request('POST', `${this.base}/datasets`, call)
  }
  addRows(rows: api.Row[], options: api.Provenance & { mode?: 'append' | 'replace' } = {}): Promise<api.Dataset> {
    return this.send('POST', '/rows', { rows, ...options })
  }
  datasets(query?: api.PageQuery): Promise<api.Page<api.Dataset>> {
    return this.get('/datasets', query)
  }
  dataset(id = 'latest'): Promise<api.Dataset> {
    return this.get(`/datasets/${encodeURIComponent(id)}`)
  }
  rows(id = 'latest', query?: api.PageQuery): Promise<api.Page<api.DatasetRow>> {
    return this.get(`/datasets/${encodeURIComponent(id)}/rows`, query)
  }

  // prepare
  profile(id = 'latest'): Promise<{ dataset: string; profile: unknown }> {
    return this.get(`/datasets/${encodeURIComponent(id)}/profile`)
  }
  /** Freezes a share of a dataset as the test set. Once only. */
  freezeTestSet(options: { dataset?: string; share?: number; seed?: number } = {}): Promise<api.TestSet> {
    return this.send('POST', '/test-set', options)
  }
  /** Uploads a file of its own as the frozen test set. Once only. */
  uploadTestSet(body: Body, query: api.Provenance & { name: string }): Promise<api.TestSet> {
    const call = { query, body, type: 'application/octet-stream' }
    return this.client.request('POST', `${this.base}/test-set/upload`, call)
  }
  testSet(): Promise<api.TestSet> {
    return this.get('/test-set')
  }

  // train
  train(run: api.NewRun = {}): Promise<api.Run> {
    return this.send('POST', '/runs', run)
  }
  runs(query?: api.PageQuery): Promise<api.Page<api.Run>> {
    return this.get('/runs', query)
  }
  run(id: string): Promise<api.Run> {
    return this.get(`/runs/${encodeURIComponent(id)}`)
  }
  cancelRun(id: string): Promise<api.Run> {
    return this.send('POST', `/runs/${encodeURIComponent(id)}/cancel`)
  }
  runLog(id: string, after = 0): Promise<{ lines: { n: number; at: string; text: string }[]; next: number }> {
    return this.get(`/runs/${encodeURIComponent(id)}/log`, { after })
  }

  // evaluate
  versions(query?: api.PageQuery): Promise<api.Page<api.ModelVersion>> {
    return this.get('/versions', query)
  }
  version(id = 'champion'): Promise<api.ModelVersion> {
    return this.get(`/versions/${encodeURIComponent(id)}`)
  }
  /** Scores a version on the frozen test set. */
  evaluate(version: string): Promise<api.Evaluation> {
    return this.send('POST', `/versions/${encodeURIComponent(version)}/evaluate`)
  }

  // deploy
  endpoint(name = 'default'): Promise<api.Endpoint> {
    return this.get(`/endpoints/${encodeURIComponent(name)}`)
  }
  /** Answers when the versions are warm and have the traffic. */
  deploy(endpoint: api.NewEndpoint, name = 'default'): Promise<api.Endpoint> {
    return this.send('PUT', `/endpoints/${encodeURIComponent(name)}`, endpoint)
  }
  promote(version?: string, name = 'default'): Promise<api.Endpoint> {
    return this.send('POST', `/endpoints/${encodeURIComponent(name)}/promote`, { version })
  }
  /** Back to the champion before this one. */
  rollback(name = 'default'): Promise<api.Endpoint> {
    return this.send('POST', `/endpoints/${encodeURIComponent(name)}/rollback`, {})
  }

  // serve
  /** Predictions in the order of the rows; a bad row gives `{error}` in its place. */
  async predict(request: api.PredictRequest): Promise<(api.RowPrediction | api.RowError)[]> {
    const { predictions } = await this.send<{ predictions: (api.RowPrediction | api.RowError)[] }>(
      'POST',
      '/predict',
      request,
    )
    return predictions
  }
  predictions(
    query?: api.PageQuery & { channel?: string; version?: string; endpoint?: string },
  ): Promise<api.Page<api.StoredPrediction>> {
    return this.get('/predictions', query)
  }
  prediction(id: string): Promise<api.StoredPrediction> {
    return this.get(`/predictions/${encodeURIComponent(id)}`)
  }
  form(): Promise<api.Form> {
    return this.get('/form')
  }

  // improve
  feedback(feedback: api.Feedback): Promise<api.FeedbackAnswer>
  feedback(feedback: api.Feedback[]): Promise<api.FeedbackAnswers>
  feedback(feedback: api.Feedback | api.Feedback[]): Promise<api.FeedbackAnswer | api.FeedbackAnswers> {
    return this.send('POST', '/feedback', feedback)
  }
  feedbackList(
    query?: api.PageQuery & { kind?: api.FeedbackKind; channel?: string },
  ): Promise<api.Page<api.StoredFeedback>> {
    return this.get('/feedback', query)
  }
  /** Which rows to ask about next. */
  questions(query?: {
    limit?: number
    strategy?: api.QuestionStrategy
    output?: string
    channel?: string
    seed?: number
  }): Promise<api.Questions> {
    return this.get('/questions', query)
  }
  improve(
    options: { endpoint?: string; timeLimit?: string; seed?: number; minimumLabels?: number } = {},
  ): Promise<api.Iteration> {
    return this.send('POST', '/improve', options)
  }
  iterations(query?: api.PageQuery): Promise<api.Page<api.Iteration>> {
    return this.get('/iterations', query)
  }
  iteration(id: string): Promise<api.Iteration> {
    return this.get(`/iterations/${encodeURIComponent(id)}`)
  }
  /** Lets labels that were set aside count again. */
  release(iteration: string): Promise<api.Iteration> {
    return this.send('POST', `/iterations/${encodeURIComponent(iteration)}/release`)
  }
  summary(): Promise<api.Summary> {
    return this.get('/summary')
  }
  /** What was asked for, by channel, version and day (UTC). */
  usage(query?: { from?: string; to?: string }): Promise<{ items: api.Usage[] }> {
    return this.get('/usage', query)
  }
  /** The channels through which this project is used. */
  channels(): Promise<{ items: api.ChannelUse[] }> {
    return this.get('/channels')
  }
  /** What happens in the project, as it happens; ends when `signal` aborts or the server stops. */
  async *events(signal?: AbortSignal): AsyncGenerator<api.LoopEvent> {
    const response = await this.client.response('GET', `${this.base}/events`, { signal })
    if (response.body) yield* readEvents(response.body)
  }

  /** Waits until a run has ended. @throws VolantProblem `run-failed` when it did not end well. */
  async finished(
    run: string,
    onProgress?: (run: api.Run) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<api.Run> {
    return poll(() => this.run(run), 'run', onProgress, signal)
  }
  /** Waits until an iteration has ended. @throws VolantProblem `iteration-failed` when it did not end well. */
  async improved(
    iteration: string,
    onProgress?: (iteration: api.Iteration) => void | Promise<void>,
    signal?: AbortSignal,
  ): Promise<api.Iteration> {
    return poll(() => this.iteration(iteration), 'iteration', onProgress, signal)
  }
}

/** Asks every 300 ms until the thing is done. */
async function poll<T extends { id: string; state: api.JobState; reason: string | null }>(
  read: () => Promise<T>,
  what: string,
  onProgress?: (thing: T) => void | Promise<void>,
  signal?: AbortSignal,
): Promise<T> {
  for (;;) {
    signal?.throwIfAborted()
    const thing = await read()
    await onProgress?.(thing)
    if (thing.state === 'done') return thing
    if (thing.state === 'failed' || thing.state === 'cancelled') {
      const reason = thing.reason ?? `it was ${thing.state}`
      throw new VolantProblem(`${what}-${thing.state}`, 0, `The ${what} ${thing.id} ${thing.state}: ${reason}`, {
        ...thing,
      })
    }
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}
