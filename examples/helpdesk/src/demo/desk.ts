import {
  type Evaluation,
  type Feedback,
  type Iteration,
  type ProjectClient,
  type RowPrediction,
  type Run,
  VolantClient,
} from '@volant/client'
import type { Ticket } from '../corpus/index.js'
import { queues } from '../corpus/queues.js'
import { type ChannelName, channelNames, channelOf } from './plan.js'

/** What the need of the help desk says a mail is worth; the figures are assumptions and are shown as such. */
export const worth = { minutesPerItem: 2, costPerHour: 30, currency: 'EUR', itemsPerMonth: 3000 }

const batchRows = 100

export type OnProgress = (share: number | null, secondsLeft?: number | null) => void

/** A mail that was routed, and the answer. */
export interface Routed {
  ticket: Ticket
  prediction: RowPrediction
}

/** One help desk: a project on the server, its two channels, and what came through them. */
export class Desk {
  private readonly routed = new Map<string, Routed>()
  /** Prediction ids whose true label was given. */
  private readonly answered = new Set<string>()

  private constructor(
    readonly project: ProjectClient,
    private readonly channels: Record<ChannelName, ProjectClient>,
    private readonly signal: AbortSignal,
  ) {}

  /** Makes a project with its need, its frozen set of later mails and its channels' keys. */
  static async open(
    owner: VolantClient,
    id: string,
    name: string,
    inputs: readonly InputName[],
    later: Ticket[],
    signal: AbortSignal,
  ) {
    await owner.createProject({
      id,
      name,
      need,
      spec: specOf(inputs),
      classes: { queue: queues.map(({ label }) => label) },
    })
    const project = owner.project(id)
    await project.uploadTestSet(jsonLines(later, inputs), { name: 'later.jsonl', ...provenance })
    const keys = await Promise.all(
      channelNames.map(async (channel) => {
        const { key } = await owner.createKey({
          name: `${id}: ${channel}`,
          channel,
          scopes: ['predict', 'feedback'],
          project: id,
        })
        return [channel, new VolantClient({ url: owner.url, key }).project(id)] as const
      }),
    )
    return new Desk(project, Object.fromEntries(keys) as Record<ChannelName, ProjectClient>, signal)
  }

  /** Uploads labelled mails, trains on them, and returns the version with its score on the frozen set. */
  async train(tickets: Ticket[], inputs: readonly InputName[], onProgress: OnProgress): Promise<Evaluation> {
    const { id: dataset } = await this.project.upload(jsonLines(tickets, inputs), {
      name: 'mails.jsonl',
      mode: 'replace',
      ...provenance,
    })
    const { id } = await this.project.train({ dataset })
    const run = await this.project.finished(id, (running) => report(running, onProgress), this.signal)
    if (!run.version) throw new Error(`run ${id} ended without a model`)
    return this.project.evaluate(run.version)
  }

  /** Sends mails through their channels in time order and remembers the answers. */
  async receive(tickets: readonly Ticket[], onProgress: OnProgress): Promise<Routed[]> {
    const started = Date.now()
    const answers: Routed[] = []
    for (let from = 0; from < tickets.length; from += batchRows) {
      this.signal.throwIfAborted()
      const batch = tickets.slice(from, from + batchRows)
      for (const channel of channelNames) {
        answers.push(
          ...(await this.send(
            channel,
            batch.filter((ticket) => channelOf(ticket) === channel),
          )),
        )
      }
      const done = Math.min(1, (from + batchRows) / tickets.length)
      onProgress(done, ((Date.now() - started) / 1000) * (1 / done - 1))
    }
    return answers
  }

  private async send(channel: ChannelName, tickets: Ticket[]): Promise<Routed[]> {
    if (tickets.length === 0) return []
    const rows = tickets.map(({ text, sender }) => ({ text, sender }))
    const predictions = await this.channels[channel].predict({ rows })
    return predictions.map((prediction, i) => {
      if ('error' in prediction) throw new Error(prediction.error.message)
      const routed = { ticket: tickets[i] as Ticket, prediction }
      this.routed.set(prediction.id, routed)
      return routed
    })
  }

  /** The mails the loop is least sure of, leaving aside what the model holds for spam. */
  async unsure(count: number): Promise<Routed[]> {
    const { questions } = await this.project.questions({ limit: 200, output: 'queue', strategy: 'diverse' })
    return questions
      .filter(({ predictionId, outputs }) => !this.answered.has(predictionId) && outputs['spam']?.value !== true)
      .flatMap(({ predictionId }) => this.routed.get(predictionId) ?? [])
      .slice(0, count)
  }

  /** Mails with a queue that arrived and were not asked about. */
  unlabelled(): Routed[] {
    return [...this.routed.values()].filter(
      ({ ticket, prediction }) => ticket.queue && !this.answered.has(prediction.id),
    )
  }

  /** Sends labels as feedback through the channel each mail came by. `labelOf` is what a person says the queue is. */
  async answer(mails: readonly Routed[], labelOf = (ticket: Ticket) => ticket.queue): Promise<void> {
    for (const channel of channelNames) {
      const feedback = mails
        .filter(({ ticket }) => channelOf(ticket) === channel)
        .flatMap((mail) => labels(mail, labelOf(mail.ticket)))
      if (feedback.length === 0) continue
      const { refused, results } = await this.channels[channel].feedback(feedback)
      if (refused > 0)
        throw new Error(`feedback was refused: ${JSON.stringify(results.find((result) => 'error' in result))}`)
    }
    for (const { prediction } of mails) this.answered.add(prediction.id)
  }

  /** One turn of the loop: retrain on the labels, then the gate. */
  async improve(onProgress: OnProgress): Promise<Iteration> {
    const { id } = await this.project.improve()
    return this.project.improved(
      id,
      async ({ run }) => report(run ? await this.project.run(run) : undefined, onProgress),
      this.signal,
    )
  }
}

export type InputName = 'text' | 'sender'

function specOf(inputs: readonly InputName[]) {
  const types = { text: 'text', sender: 'category' }
  return {
    inputs: Object.fromEntries(inputs.map((name) => [name, types[name]])),
    outputs: { queue: { type: 'category', weight: 1 }, spam: { type: 'boolean', weight: 0.2 } },
    train: { encoder: 'tfidf', seed: 42 },
  }
}

const need = {
  forWhom: 'the people at the help desk, who read every mail to find its queue',
  kpi: 'share of mails in the right queue',
  target: 0.9,
  unit: 'mail',
  worth,
}

const provenance = {
  source: 'SpamAssassin public corpus',
  consent: 'public domain (PDDL-1.0, CC0-1.0)',
  timeColumn: 'time',
}

function jsonLines(tickets: readonly Ticket[], inputs: readonly InputName[]): string {
  const row = (ticket: Ticket) => ({
    ...Object.fromEntries(inputs.map((name) => [name, ticket[name]])),
    queue: ticket.queue,
    spam: ticket.spam,
    time: ticket.time,
  })
  return tickets.map((ticket) => `${JSON.stringify(row(ticket))}\n`).join('')
}

function labels({ ticket, prediction }: Routed, queue: string | null): Feedback[] {
  const label = (output: string, value: string | boolean): Feedback => ({
    id: `${prediction.id}:${output}`,
    predictionId: prediction.id,
    output,
    kind: 'label',
    value,
  })
  return queue ? [label('queue', queue), label('spam', ticket.spam)] : [label('spam', ticket.spam)]
}

function report(run: Run | undefined, onProgress: OnProgress): void {
  onProgress(run?.progress.share ?? null, run?.progress.secondsLeft ?? null)
}

/** Accuracy of the queue on the frozen set, with its 95 % interval. */
export function accuracyOf({ metrics, intervals }: Evaluation): { value: number; interval: [number, number] } {
  const value = metrics['queue']?.['accuracy']
  const interval = intervals['queue']?.['accuracy']
  if (value === undefined || !interval) throw new Error('the evaluation has no accuracy of the queue')
  return { value, interval }
}
