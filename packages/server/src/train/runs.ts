import { rm } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { VolantError } from '@volant/data'
import { trainingEnvironment } from '@volant/fields'
import type { Transaction } from 'kysely'
import type { Datasets } from '../collect/index.js'
import { refuse } from '../errors.js'
import { insertEvaluation } from '../evaluate/index.js'
import type { Events } from '../events.js'
import { type Jobs, type Progress, type RunningJob, runChild } from '../jobs/index.js'
import type { Project, Projects } from '../needs/index.js'
import type { TestSets } from '../prepare/index.js'
import { cutPage, type Page, type Paging } from '../schema.js'
import { newId, type Store, type Tables } from '../store/index.js'
import { checkRequest, outputsOf } from './request.js'
import type { NewRun, Run } from './schema.js'
import { changeRun, countRuns, findRun, insertRun, insertVersion, listRuns, type RunRecord } from './store.js'
import type { Trained, Training } from './training.js'

interface Parts {
  store: Store
  jobs: Jobs
  events: Events
  projects: Projects
  datasets: Datasets
  testSets: TestSets
}

const idle: Progress = { share: null, stage: null, secondsLeft: null }

/** Trainings: each is a job in a child process that ends in a model version or with a reason. */
export class Runs {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  /** Starts working on queued runs. Called once, when all stages stand. */
  async start(): Promise<void> {
    await this.#parts.jobs.work('train', (job) => this.#work(job), {
      onFailed: async ({ payload, reason }) => this.#end(payload.project, payload.run, 'failed', reason),
    })
  }

  /** Queues a run. `extra` joins its transaction, so that what waits for the run knows it or neither exists. */
  async create(
    project: Project,
    request: NewRun,
    {
      parent = null,
      extra,
    }: { parent?: string | null; extra?: (trx: Transaction<Tables>, run: string) => Promise<void> } = {},
  ): Promise<Run> {
    const { jobs, datasets, store, events } = this.#parts
    if (outputsOf(project, request).length === 0)
      throw refuse(
        'no-outputs',
        'Nothing says what to predict: send "outputs" with the run, or give the project a spec.',
      )
    const dataset = await datasets.get(project, request.dataset)
    checkRequest(project, request, dataset, await datasets.filled(project, dataset.id))
    const run: RunRecord = {
      id: newId(),
      project: project.id,
      job: null,
      state: 'waiting',
      reason: null,
      dataset: dataset.id,
      request,
      parent,
      spec: null,
      version: null,
      attempt: 0,
      created_at: new Date(),
      started_at: null,
      ended_at: null,
    }
    await store.db.transaction().execute(async (trx) => {
      run.job = await jobs.send('train', { project: project.id, run: run.id }, { trx })
      await insertRun(trx, run)
      await extra?.(trx, run.id)
    })
    events.emit(project.id, { kind: 'run', id: run.id, state: 'waiting' })
    return this.#view(run)
  }

  /** Throws `unknown-run`. */
  async get(project: string, id: string): Promise<Run> {
    return this.#view(await this.#find(project, id))
  }

  async list(project: string, { limit, after }: Paging): Promise<Page<Run>> {
    const page = cutPage(await listRuns(this.#parts.store.db, project, limit + 1, after), limit, (run) => run.id)
    return { ...page, items: await Promise.all(page.items.map((run) => this.#view(run))) }
  }

  async count(project: string): Promise<{ runs: number; running: Run | null }> {
    const { runs, running } = await countRuns(this.#parts.store.db, project)
    return { runs, running: running ? await this.#view(running) : null }
  }

  async log(
    project: string,
    id: string,
    after: number,
  ): Promise<{ lines: { n: number; at: string; text: string }[]; next: number }> {
    const { job } = await this.#find(project, id)
    const { lines, next } = job ? await this.#parts.jobs.lines(job, after) : { lines: [], next: after }
    return { lines: lines.map((line) => ({ ...line, at: line.at.toISOString() })), next }
  }

  /** Ends a waiting or running run. Throws `run-finished` when it has ended already. */
  async cancel(project: string, id: string): Promise<Run> {
    const run = await this.#find(project, id)
    if (!['waiting', 'running'].includes(run.state))
      throw refuse('run-finished', `The run "${id}" has ended already: ${run.state}.`)
    await this.#end(project, id, 'cancelled', 'It was cancelled.')
    if (run.job) await this.#parts.jobs.cancel('train', run.job)
    return this.get(project, id)
  }

  /** Waits until a run has ended; a run cancelled by the signal is cancelled. */
  async ended(project: string, id: string, signal: AbortSignal, onProgress?: (run: Run) => void): Promise<Run> {
    for (;;) {
      const run = await this.get(project, id)
      if (!['waiting', 'running'].includes(run.state)) return run
      onProgress?.(run)
      await wait(150, undefined, { signal })
    }
  }

  /** Ends what runs or waits of a project that was deleted: its data is going. */
  async stop(jobs: readonly string[]): Promise<void> {
    for (const job of jobs) await this.#parts.jobs.cancel('train', job)
  }

  async #work({ payload, attempt, signal, progress, flush }: RunningJob<'train'>): Promise<unknown> {
    const { store, events, projects } = this.#parts
    const record = await findRun(store.db, payload.project, payload.run)
    if (!record || !(await changeRun(store.db, record.id, { state: 'running', attempt, started_at: new Date() })))
      return null
    events.emit(record.project, { kind: 'run', id: record.id, state: 'running' })
    const project = await projects.get(record.project)
    const folder = await store.scratch('run')
    try {
      const training = await this.#prepare(project, record, folder)
      let shown = 0
      const trained = (await runChild({
        entry: new URL('../../dist/train/child.js', import.meta.url),
        input: training,
        env: trainingEnvironment(),
        signal,
        onLog: (log) => progress({ log }),
        onProgress: (report) => {
          progress(report as Partial<Progress>)
          if (!('share' in (report as object)) || Date.now() - shown < 250) return
          shown = Date.now()
          events.emit(record.project, { kind: 'run', id: record.id, state: 'running', progress: report })
        },
      })) as Trained
      await flush()
      return await this.#keep(project, record, training, trained)
    } catch (error) {
      if (error instanceof VolantError && error.code === 'stopped')
        await changeRun(store.db, record.id, { state: 'waiting' })
      throw error
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  /** What the child needs; the first run of a project freezes its test set. */
  async #prepare(project: Project, { id, dataset, request, parent }: RunRecord, folder: string): Promise<Training> {
    const { datasets, testSets } = this.#parts
    const outputs = outputsOf(project, request)
    if (!(await testSets.find(project)))
      await testSets.freezeShare(project, datasets, { dataset, share: 0.2, seed: 42 }, outputs)
    const { seed, timeLimit, encoder } = request
    const settings = Object.fromEntries(
      Object.entries({ seed, timeLimit, encoder }).filter(([, value]) => value !== undefined),
    )
    return {
      dataset: await datasets.place(project, dataset),
      test: await testSets.place(project),
      spec: request.spec ?? project.spec,
      inputs: request.inputs,
      outputs,
      settings,
      out: path.join(folder, 'model'),
      scores: path.join(folder, 'scores.json'),
      threads: Math.max(1, availableParallelism() - 1),
      lineage: { project: project.id, run: id, dataset, parent },
    }
  }

  /** Makes the model version, its evaluation and the end of the run visible at once. */
  async #keep(
    project: Project,
    record: RunRecord,
    { out, scores }: Training,
    trained: Trained,
  ): Promise<{ version: string }> {
    return this.#parts.store.artifacts.hold(() => this.#store(project, record, { out, scores }, trained))
  }

  async #store(
    project: Project,
    record: RunRecord,
    { out, scores }: Pick<Training, 'out' | 'scores'>,
    trained: Trained,
  ): Promise<{ version: string }> {
    const { store, testSets, projects, events } = this.#parts
    const spec = trained.spec as Record<string, unknown>
    const { hash: tree } = await store.artifacts.putTree(out)
    const { hash: scoresHash } = await store.artifacts.put({ file: scores })
    const testSet = await testSets.get(project)
    const version = await store.db.transaction().execute(async (trx) => {
      const made = await insertVersion(trx, {
        id: newId(),
        project: project.id,
        run: record.id,
        dataset: record.dataset,
        parent: record.parent,
        spec,
        report: trained.report,
        trained_on: trained.trainedOn,
        tree,
        created_at: new Date(),
      })
      const kept = {
        version: made.id,
        project: project.id,
        testSet: testSet.id,
        scored: trained.scored,
        scores: scoresHash,
      }
      await insertEvaluation(trx, kept)
      if (!(await changeRun(trx, record.id, { state: 'done', version: made.id, spec, ended_at: new Date() })))
        throw new VolantError('cancelled', 'The run was cancelled.')
      if (!project.spec?.['inputs'] && !record.request.spec) await projects.keepSpec(trx, project.id, openSpec(spec))
      return made.id
    })
    events.emit(project.id, { kind: 'run', id: record.id, state: 'done' })
    return { version }
  }

  async #end(project: string, id: string, state: 'failed' | 'cancelled', reason: string): Promise<void> {
    if (await changeRun(this.#parts.store.db, id, { state, reason, ended_at: new Date() }))
      this.#parts.events.emit(project, { kind: 'run', id, state })
  }

  async #find(project: string, id: string): Promise<RunRecord> {
    const run = await findRun(this.#parts.store.db, project, id)
    if (!run) throw refuse('unknown-run', `The project "${project}" has no run "${id}".`, { run: id })
    return run
  }

  async #view(run: RunRecord): Promise<Run> {
    const job = run.state === 'running' && run.job ? await this.#parts.jobs.get('train', run.job) : undefined
    const iso = (date: Date | null) => date?.toISOString() ?? null
    return {
      id: run.id,
      state: run.state,
      reason: run.reason,
      progress: run.state === 'done' ? { share: 1, stage: null, secondsLeft: 0 } : (job?.progress ?? idle),
      dataset: run.dataset,
      spec: run.spec ?? run.request.spec ?? null,
      version: run.version,
      attempt: run.attempt,
      note: run.request.note ?? null,
      createdAt: run.created_at.toISOString(),
      startedAt: iso(run.started_at),
      endedAt: iso(run.ended_at),
    }
  }
}

/** The spec without the candidates that one training chose: with more rows the next one chooses anew. */
function openSpec(spec: Record<string, unknown>): Record<string, unknown> {
  const { candidates: _, ...train } = spec['train'] as Record<string, unknown>
  return { ...spec, train }
}
