import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { TokenUse } from './channels/index.js'

export interface HttpMetrics {
  request(method: string, route: string, status: number, seconds: number): void
}

/** What /metrics shows, in Prometheus' text. Labels are routes, codes and our own names, never ids or contents. */
export class Metrics implements HttpMetrics {
  readonly #registry = new Registry()
  readonly #requests = new Histogram({
    name: 'volant_http_request_seconds',
    help: 'Time to answer, by route and status.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers: [this.#registry],
  })
  readonly #predictions = new Counter({
    name: 'volant_predictions_total',
    help: 'Rows asked to be predicted, by project, channel and result.',
    labelNames: ['project', 'channel', 'result'],
    registers: [this.#registry],
  })
  readonly #feedback = new Counter({
    name: 'volant_feedback_total',
    help: 'Feedback taken, by project and kind.',
    labelNames: ['project', 'kind'],
    registers: [this.#registry],
  })
  readonly #texts = new Counter({
    name: 'volant_language_texts_total',
    help: 'Texts written or embedded by language models, by model and channel.',
    labelNames: ['model', 'channel'],
    registers: [this.#registry],
  })
  readonly #tokens = new Counter({
    name: 'volant_language_tokens_total',
    help: 'Tokens of language models, by model, channel and kind (prompt or completion).',
    labelNames: ['model', 'channel', 'kind'],
    registers: [this.#registry],
  })

  constructor() {
    collectDefaultMetrics({ register: this.#registry, prefix: 'volant_' })
  }

  request(method: string, route: string, status: number, seconds: number): void {
    this.#requests.observe({ method, route, status }, seconds)
  }

  predicted(project: string, channel: string, good: number, bad: number): void {
    if (good > 0) this.#predictions.inc({ project, channel, result: 'answered' }, good)
    if (bad > 0) this.#predictions.inc({ project, channel, result: 'bad-row' }, bad)
  }

  fedBack(project: string, kind: string, count = 1): void {
    this.#feedback.inc({ project, kind }, count)
  }

  usedTokens({ model, channel, predictions, promptTokens, completionTokens }: Omit<TokenUse, 'key'>): void {
    this.#texts.inc({ model, channel }, predictions)
    this.#tokens.inc({ model, channel, kind: 'prompt' }, promptTokens)
    if (completionTokens > 0) this.#tokens.inc({ model, channel, kind: 'completion' }, completionTokens)
  }

  /** A figure that is read when somebody looks. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  get contentType(): string {
    return this.#registry.contentType
  }
}
