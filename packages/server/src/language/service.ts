import type { Principal } from '../access/index.js'
import { type Channels, tokenEntry } from '../channels/index.js'
import type { Metrics } from '../metrics.js'
import type { Journal } from '../store/index.js'
import type { HostedModels } from './hosted.js'
import type { Result, Task } from './messages.js'
import type { RunOptions } from './thread.js'

interface Parts {
  hosted: HostedModels
  channels: Channels
  journal: Journal
  metrics: Metrics
}

/** Language models as callers have them: within the quota of their channel, and metered. */
export class LanguageService {
  readonly hosted: HostedModels
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.hosted = parts.hosted
    this.#parts = parts
  }

  /**
   * Has a model do a task for a caller. For the quota a text to write counts one prediction, and so does each text to embed;
   * tokens are metered, also of a text that its caller did not wait for; vectors nobody waits for are not made, and cost
   * nothing. Throws `quota-exceeded` and as `HostedModels.run` does.
   */
  async run<T extends Task>(
    { channel, keyId }: Principal,
    model: string,
    task: T,
    options: RunOptions,
  ): Promise<Result<T>> {
    const { hosted, channels, journal, metrics } = this.#parts
    hosted.get(model)
    const predictions = task.kind === 'embed' ? task.texts.length : 1
    channels.admit(channel, predictions)
    let result: Result<T>
    try {
      result = await hosted.run(model, task, options)
    } catch (error) {
      channels.refund(channel, predictions)
      throw error
    }
    const tokens =
      'promptTokens' in result
        ? { promptTokens: result.promptTokens, completionTokens: result.tokens }
        : { promptTokens: result.tokens, completionTokens: 0 }
    const use = { channel, key: keyId ?? '', model, predictions, ...tokens }
    await journal.append([tokenEntry(use)])
    metrics.usedTokens(use)
    return result
  }

  /** What was used on the days from `from` to `to`. */
  async used(days: { from?: string | undefined; to?: string | undefined }) {
    await this.#parts.journal.flush()
    const items = await this.#parts.channels.usedTokens(days)
    return items.map((item) => ({ ...item, key: item.key || null }))
  }
}
