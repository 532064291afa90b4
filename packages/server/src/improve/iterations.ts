import { VolantError } from '@volant/data'
import { type Datasets, fieldsOf } from '../collect/index.js'
import type { Endpoints } from '../deploy/index.js'
import { refuse } from '../errors.js'
import { type Evaluations, type Gate, primaryOf } from '../evaluate/index.js'
import type { Events } from '../events.js'
import type { Jobs, RunningJob } from '../jobs/index.js'
import type { Project, Projects } from '../needs/index.js'
import { cutPage, numberAfter, type Page, type Paging } from '../schema.js'
import { isCode, type Journal, newId, type Store } from '../store/index.js'
import type { Runs, Versions } from '../train/index.js'
import { decide, explain } from './explain.js'
import { labelledRows, withLabels } from './labels.js'
import type { ImproveRequest, Iteration } from './schema.js'
import {
  changeIteration,
  claimLabels,
  countFeedback,
  deleteFeedback,
  findIteration,
  freeLabels,
  type IterationRecord,
  insertIteration,
  latestLabels,
  listIterations,
  setReleased,
} from './store.js'

interface Parts {
  store: Store
  journal: Journal
  jobs: Jobs
  events: Events
  projects: Projects
  datasets: Datasets
  runs: Runs
  versions: Versions
  evaluations: Evaluations
  endpoints: Endpoints
}

/** Turns of the loop: labels become a dataset version, a candidate is trained, the gate decides. */
export class Iterations {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
    parts.projects.onRemove(deleteFeedback)
  }

  /** Starts working on queued iterations. Called once, when all stages stand. */
  async start(): Promise<void> {
    await this.#parts.jobs.work('improve', (job) => this.#work(job), {
      onFailed: ({ payload, reason }) => this.#end(payload.project, payload.iteration, 'failed', reason),
    })
  }

  /** Queues an iteration. Throws `no-data`, `no-new-labels`, `improve-running`. */
  async create(project: Project, request: ImproveRequest): Promise<Iteration> {
    const { store, jobs, journal, datasets, endpoints, events } = this.#parts
    if (!(await datasets.collected(project)))
      throw refuse(
        'no-data',
        `The project "${project.id}" has no collected rows yet; upload a file to /datasets first.`,
      )
    await journal.flush()
    const { waiting } = await countFeedback(store.db, project.id)
    if (waiting < request.minimumLabels) {
      // The iteration under way may have taken them.
      const [latest] = await listIterations(store.db, project.id, 1, numberAfter(undefined))
      if (latest?.state === 'waiting' || latest?.state === 'running') throw underWay(project)
      throw refuse(
        'no-new-labels',
        `${waiting} labels are new since the last iteration, at least ${request.minimumLabels} are wanted; give feedback of kind "label" first.`,
        { waiting },
      )
    }
    const champion =
      (await endpoints.list(project.id)).find((endpoint) => endpoint.name === request.endpoint)?.champion ?? null
    const record = {
      ...{ id: newId(), project: project.id, request, state: 'waiting' as const, champion },
      ...{
        reason: null,
        run: null,
        dataset: null,
        candidate: null,
        decision: null,
        gate: null,
        accuracy: null,
        explanation: null,
      },
      ...{
        labels: { new: waiting, used: 0, rows: 0, disagreements: 0 },
        released: false,
        created_at: new Date(),
        ended_at: null,
      },
    }
    try {
      const made = await store.db.transaction().execute(async (trx) => {
        const job = await jobs.send('improve', { project: project.id, iteration: record.id }, { trx })
        if (job === null) throw underWay(project)
        return insertIteration(trx, { ...record, job })
      })
      events.emit(project.id, { kind: 'iteration', id: made.id, state: made.state })
      return view(made)
    } catch (error) {
      if (isCode(error, '23505')) throw underWay(project)
      throw error
    }
  }

  /** Throws `unknown-iteration`. */
  async get(project: string, id: string): Promise<Iteration> {
    return view(await this.#find(project, id))
  }

  async list(project: string, { limit, after }: Paging): Promise<Page<Iteration>> {
    const records = await listIterations(this.#parts.store.db, project, limit + 1, numberAfter(after))
    const page = cutPage(records, limit, (record) => String(record.number))
    return { ...page, items: page.items.map(view) }
  }

  /** Lets labels that an iteration set aside count again. */
  async release(project: string, id: string): Promise<Iteration> {
    const { store } = this.#parts
    await this.#find(project, id)
    await store.db.transaction().execute(async (trx) => {
      await setReleased(trx, id)
      await freeLabels(trx, project, id)
    })
    return this.get(project, id)
  }

  async #work({ payload, signal, progress }: RunningJob<'improve'>): Promise<unknown> {
    const { store, projects } = this.#parts
    const found = await findIteration(store.db, payload.project, payload.iteration)
    if (!found || !(await changeIteration(store.db, found.id, { state: 'running' }))) return null
    this.#tell(found, 'running')
    const project = await projects.get(found.project)
    progress({ stage: 'prepare', share: 0.02 })
    const dataset = found.dataset ?? (await this.#collect(project, found))
    const run = (await this.#find(project.id, found.id)).run ?? (await this.#train(project, found, dataset))
    const ended = await this.#parts.runs.ended(
      project.id,
      run,
      signal,
      ({ progress: { share, stage, secondsLeft } }) => {
        progress({ stage: stage ?? 'train', share: 0.05 + 0.9 * (share ?? 0), secondsLeft })
      },
    )
    if (ended.state !== 'done')
      throw new VolantError('run-failed', `Its run ended ${ended.state}: ${ended.reason ?? 'without a reason'}`)
    progress({ stage: 'evaluate', share: 0.96 })
    return this.#conclude(project, found, ended.version!, signal)
  }

  /** The labels become a dataset version; its id is the iteration's, so a second attempt finds it. */
  async #collect(project: Project, { id }: IterationRecord): Promise<string> {
    const { store, journal, datasets } = this.#parts
    await journal.flush()
    const fresh = await claimLabels(store.db, project.id, id)
    const labels = await latestLabels(store.db, project.id)
    const inputs = Object.keys(fieldsOf(project, 'inputs'))
    const outputs = Object.keys(fieldsOf(project, 'outputs'))
    const { rows, disagreements } = labelledRows(labels, inputs, outputs)
    const collected = (await datasets.collected(project))!
    const base = await datasets.open(project, collected.id)
    try {
      const made = await datasets.add(project, {
        id,
        origin: 'feedback',
        parent: collected.id,
        rows: withLabels(base, rows, inputs, outputs),
        notes: [
          `${labels.length} labels from feedback on ${rows.size} rows, ${disagreements} of them given differently before (the latest counts)`,
        ],
      })
      const counted = { new: fresh, used: labels.length, rows: 0, disagreements }
      await changeIteration(store.db, id, { dataset: made.id, labels: counted })
      return made.id
    } finally {
      await base.close()
    }
  }

  async #train(project: Project, { id, champion, request }: IterationRecord, dataset: string): Promise<string> {
    const { timeLimit, seed } = request
    const settings = {
      dataset,
      ...(timeLimit && { timeLimit }),
      ...(seed !== undefined && { seed }),
      note: `iteration ${id}`,
    }
    const run = await this.#parts.runs.create(project, settings, {
      parent: champion,
      extra: async (trx, run) => {
        await changeIteration(trx, id, { run })
      },
    })
    return run.id
  }

  /** The gate: compares the candidate with whoever is champion now, and switches or does not. */
  async #conclude(project: Project, record: IterationRecord, candidate: string, signal: AbortSignal): Promise<unknown> {
    const { store, endpoints, evaluations, versions } = this.#parts
    const { endpoint: name } = record.request
    const champion = (await endpoints.list(project.id)).find((endpoint) => endpoint.name === name)?.champion ?? null
    const gate = champion === null ? null : await evaluations.compare(champion, candidate, signal)
    const decision: NonNullable<Iteration['decision']> =
      champion === null ? 'first' : gate === null ? 'kept' : decide(gate)
    const { trainedOn } = await versions.get(project.id, candidate, new Map())
    const { labels } = await this.#find(project.id, record.id)
    const counted = { ...labels, rows: trainedOn.rows }
    const promoted = decision === 'promoted' || decision === 'first'
    const evaluation = await evaluations.of(promoted ? candidate : champion!)
    const end = {
      ...{
        state: 'done' as const,
        ended_at: new Date(),
        champion,
        candidate,
        decision,
        gate: gate as Gate | null,
        labels: counted,
      },
      accuracy: evaluation && primaryOf(evaluation),
      explanation: explain(decision, gate, counted),
    }
    if (promoted)
      await endpoints.promote(project.id, name, candidate, async (trx) => {
        await changeIteration(trx, record.id, end)
      })
    else await changeIteration(store.db, record.id, end)
    this.#tell(record, 'done')
    return { decision }
  }

  /** An iteration that came to nothing gives its labels back. */
  async #end(project: string, id: string, state: 'failed' | 'cancelled', reason: string): Promise<void> {
    const { store } = this.#parts
    await store.db.transaction().execute(async (trx) => {
      if (await changeIteration(trx, id, { state, reason, ended_at: new Date() })) await freeLabels(trx, project, id)
    })
    this.#parts.events.emit(project, { kind: 'iteration', id, state })
  }

  #tell({ project, id }: IterationRecord, state: string): void {
    this.#parts.events.emit(project, { kind: 'iteration', id, state })
  }

  async #find(project: string, id: string): Promise<IterationRecord> {
    const record = await findIteration(this.#parts.store.db, project, id)
    if (!record)
      throw refuse('unknown-iteration', `The project "${project}" has no iteration "${id}".`, { iteration: id })
    return record
  }
}

function underWay({ id }: Project): VolantError {
  return refuse('improve-running', `An iteration of "${id}" is under way; wait until it has ended.`)
}

export function view(record: IterationRecord): Iteration {
  const {
    id,
    number,
    state,
    reason,
    run,
    dataset,
    champion,
    candidate,
    decision,
    labels,
    gate,
    accuracy,
    explanation,
  } = record
  return {
    ...{ id, number, state, reason, run, dataset, champion, candidate, decision, labels, gate, accuracy, explanation },
    createdAt: record.created_at.toISOString(),
    endedAt: record.ended_at?.toISOString() ?? null,
  }
}
