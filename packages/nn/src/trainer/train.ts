import type { Tensor } from '@volant/graph'
import { hashOf } from '#platform'
import { matchesAny } from '../modules/paths.js'
import { parameterCount, walk } from '../modules/tree.js'
import { averagePath, averagingScalars } from '../optimisers/averaging.js'
import { optimiserScalars } from '../optimisers/update.js'
import { shareOf } from '../parallel/shard.js'
import { Random } from '../random.js'
import type { Runtime } from '../runtime/interface.js'
import { createRuntime } from '../runtime/runtime.js'
import { BatchesAhead, type MadeStep } from './ahead.js'
import { type Checkpoint, loadCheckpoint, type Progress, saveCheckpoint } from './checkpoint.js'
import { Clock } from './clock.js'
import { compileEvaluation, compileTraining, type TrainingGraph, type TrainingPrograms } from './compile.js'
import { refuseNotFinite } from './finite.js'
import { firstState, zeros } from './first-state.js'
import { firstLossScale, nextLossScale } from './loss-scale.js'
import { epochOrder, type OrderSettings, type StepRows, stepsPerEpoch } from './order.js'
import {
  checkSettings,
  type Predict,
  type TrainingData,
  type TrainResult,
  type TrainSettings,
  type Validation,
} from './settings.js'

/**
 * Trains a model: shuffled batches (of like length where lengths are known), one update after `accumulate` batches, clipping,
 * the optimiser in the graph, validation and the choice of the best weights after each epoch, early stopping, checkpoints.
 * The same settings, seed, machine and versions give the same bytes, also when killed and resumed from a checkpoint.
 *
 * Throws NnError `bad-settings`, `not-finite` (names the step and the first parameter affected), `other-run` and the like,
 * GraphError for a model that does not fit together, or the signal's reason.
 */
export async function train(settings: TrainSettings): Promise<TrainResult> {
  checkSettings(settings)
  settings.signal?.throwIfAborted()
  const started = performance.now()
  const programs = compileTraining({ ...alone(settings), parallel: (settings.parallel?.size ?? 1) > 1 })
  const { threads, device } = settings
  const runtime = settings.runtime ?? createRuntime({ threads, device })
  try {
    const run = await Run.start(settings, programs, runtime)
    await run.untilDone()
    return { ...(await run.result()), seconds: (performance.now() - started) / 1000 }
  } finally {
    if (!settings.runtime) await runtime.release()
  }
}

/** A `validate` for `train`: the mean loss over data, which `predict` must give as `loss`. */
export function meanLoss(data: TrainingData, batchSize = 64): (predict: Predict) => Promise<Validation> {
  return async (predict) => {
    let sum = 0
    for (let from = 0; from < data.rows; from += batchSize) {
      const rows = Int32Array.from({ length: Math.min(batchSize, data.rows - from) }, (_, i) => from + i)
      const { loss } = await predict(await data.batch(rows, new Random(from, 'validation')))
      sum += Number(loss!.data[0]) * rows.length
    }
    return { score: sum / data.rows }
  }
}

class Run {
  readonly #order: OrderSettings
  readonly #stepsPerEpoch: number
  readonly #totalSteps: number
  readonly #fingerprint: string
  readonly #clock: Clock
  #progress: Progress = {
    step: 0,
    lossSum: 0,
    lossRows: 0,
    history: [],
    bestScore: Number.POSITIVE_INFINITY,
    bestEpoch: 0,
    stoppedEarly: false,
  }
  #best = new Map<string, Tensor>()
  #savedStep = -1
  /** State that is zero between updates: accumulated gradients. */
  readonly #passing: ReadonlySet<string>
  /** Weights that stay as they were given. */
  readonly #fixed: ReadonlyMap<string, Tensor>

  private constructor(
    readonly settings: TrainSettings,
    readonly programs: TrainingPrograms,
    readonly runtime: Runtime,
  ) {
    const { data, batchSize, accumulate = 1, seed, epochs, maxSteps = Number.POSITIVE_INFINITY } = settings
    this.#order = { rows: data.rows, length: data.length, batchSize, accumulate, seed }
    this.#stepsPerEpoch = stepsPerEpoch(this.#order)
    this.#totalSteps = Math.min(epochs * this.#stepsPerEpoch, maxSteps)
    this.#passing = new Set(Object.values(programs.programs).flatMap(({ clear }) => clear))
    const { freeze = [], initial = new Map<string, Tensor>() } = settings
    const paths = [...walk(settings.model).parameters.values()]
    this.#fixed = new Map(
      paths.filter((path) => initial.has(path) && matchesAny(freeze, path)).map((path) => [path, initial.get(path)!]),
    )
    this.#fingerprint = settings.checkpoint || settings.parallel ? this.#takeFingerprint() : ''
    this.#clock = new Clock(this.#totalSteps)
  }

  static async start(settings: TrainSettings, programs: TrainingPrograms, runtime: Runtime): Promise<Run> {
    const run = new Run(settings, programs, runtime)
    for (const [name, program] of Object.entries(programs.programs)) await runtime.load(name, program)
    if (settings.validate) {
      const predict = settings.predict ?? ((context, inputs) => ({ loss: settings.loss(context, inputs) }))
      await runtime.load('evaluate', compileEvaluation(settings.model, settings.inputs, predict, programs.averaged))
    }
    const checkpoint =
      settings.checkpoint && (await loadCheckpoint(settings.checkpoint.file, run.#fingerprint, run.#stateDims()))
    if (checkpoint) await run.#resume(checkpoint)
    else await runtime.write(run.#firstState())
    return run
  }

  /** The recipe. */
  async untilDone(): Promise<void> {
    const { settings } = this
    const progress = this.#progress
    settings.onEvent?.({
      type: 'start',
      step: progress.step,
      totalSteps: this.#totalSteps,
      parameters: parameterCount(settings.model),
    })
    const { parallel: group } = settings
    group?.requireSame('their settings or checkpoint', `step ${progress.step} of run ${this.#fingerprint}`)
    const share = group && ((step: StepRows) => shareOf(step, group))
    const first = progress.step
    const random = (place: number) => new Random(settings.seed, `batch/${first + place}`)
    // 0) the end of an epoch during whose validation the run was stopped
    if (this.#epochIsOpen()) {
      await this.#endEpoch()
      await this.#save(true)
    }
    if (settings.validateFirst && progress.step === 0) {
      progress.first = await this.#validate(0)
      this.#clock.start(0)
    }
    const ahead = new BatchesAhead(settings.data, this.#stepsFrom(first), random, share)
    for (let step = await ahead.take(); step; step = await ahead.take()) {
      // 1) one update, while the next batch is being made
      const update = this.#update(step)
      ahead.makeNext()
      await update
      // 2) at the end of an epoch: validate, keep the best weights, stop when they no longer get better
      if (this.#epochIsOpen()) await this.#endEpoch()
      // 3) save from time to time, and when asked to stop
      const aborted = settings.signal?.aborted ?? false
      const done = progress.stoppedEarly || progress.step === this.#totalSteps
      if (aborted || done || progress.step % (settings.checkpoint?.every ?? Number.POSITIVE_INFINITY) === 0)
        await this.#save()
      settings.signal?.throwIfAborted()
      if (done) break
    }
  }

  async result(): Promise<Omit<TrainResult, 'seconds'>> {
    const { first, history, step, bestEpoch, stoppedEarly } = this.#progress
    const parameters = this.#best.size > 0 ? this.#best : await this.#readParameters()
    return { parameters, first, history, steps: step, bestEpoch: bestEpoch || history.length, stoppedEarly }
  }

  async #update({ batches, rows }: MadeStep): Promise<void> {
    const { settings, runtime } = this
    const progress = this.#progress
    const learningRate = settings.schedule(progress.step, this.#totalSteps)
    const scalars = {
      ...optimiserScalars(settings.optimiser, (settings.initialSteps ?? 0) + progress.step + 1, learningRate),
      ...averagingScalars(settings.average, progress.step + 1),
    }
    const random = new Random(settings.seed, `dropout/${progress.step}`)
    let results: Record<string, Tensor> = {}
    const together = 'step' in this.programs.programs
    for (const { tensors, rows: count, first } of batches) {
      const lossWeight = count / rows
      const fed = {
        ...(together ? scalars : {}),
        ...this.#lossScale(),
        lossWeight,
        seed: random.uint32(),
        firstRow: first,
      }
      results = await runtime.step(together ? 'step' : 'accumulate', tensors, fed)
    }
    if (!together) results = await runtime.step('apply', {}, scalars)
    const loss = Number(results['loss']!.data[0])
    const norm = Number(results['norm']!.data[0])
    progress.step++
    const overflow = Number.isFinite(loss) && this.#moveLossScale(Number.isFinite(norm))
    const squares = results['squares']!.data as Float32Array
    const saved =
      settings.checkpoint && this.#savedStep >= 0
        ? { file: settings.checkpoint.file, step: this.#savedStep }
        : undefined
    if (!overflow)
      refuseNotFinite({ step: progress.step, learningRate, loss, norm, squares, paths: this.programs.trained, saved })
    progress.lossSum += loss * rows
    progress.lossRows += rows
    settings.onEvent?.({
      type: 'step',
      step: progress.step,
      totalSteps: this.#totalSteps,
      epoch: Math.ceil(progress.step / this.#stepsPerEpoch),
      loss,
      norm,
      learningRate,
      ...this.#clock.tick(progress.step, rows),
    })
  }

  #lossScale(): Record<string, number> {
    return this.settings.precision === 'float16'
      ? { lossScale: (this.#progress.lossScale ?? firstLossScale).scale }
      : {}
  }

  /** True when gradients overflowed in float16: the update was left out, the next one is scaled less. */
  #moveLossScale(finite: boolean): boolean {
    if (this.settings.precision !== 'float16') return false
    const next = nextLossScale(this.#progress.lossScale ?? firstLossScale, finite)
    if (next) this.#progress.lossScale = next
    return !finite && next !== undefined
  }

  /** Whether all updates of an epoch are made, and it is not ended yet. */
  #epochIsOpen(): boolean {
    const { step, history } = this.#progress
    const complete = step % this.#stepsPerEpoch === 0 || step === this.#totalSteps
    return complete && history.length < Math.ceil(step / this.#stepsPerEpoch)
  }

  /** Rejects with the reason of a signal that comes meanwhile, the checkpoint saved. */
  async #endEpoch(): Promise<void> {
    const { settings } = this
    const progress = this.#progress
    const epoch = Math.ceil(progress.step / this.#stepsPerEpoch)
    const validation = await this.#validate(epoch)
    const better = validation !== undefined && validation.score < progress.bestScore
    if (better) {
      progress.bestScore = validation.score
      progress.bestEpoch = epoch
      this.#best = await this.#readParameters()
    }
    const record = { epoch, step: progress.step, loss: progress.lossSum / progress.lossRows, validation }
    progress.history.push(record)
    progress.lossSum = 0
    progress.lossRows = 0
    const patience = settings.earlyStopping?.patience ?? Number.POSITIVE_INFINITY
    progress.stoppedEarly = epoch - progress.bestEpoch >= patience
    settings.onEvent?.({ type: 'epoch', best: better, ...record })
  }

  async #validate(epoch: number): Promise<Validation | undefined> {
    const { settings, runtime } = this
    try {
      return await settings.validate?.((batch) => {
        settings.signal?.throwIfAborted()
        return runtime.step('evaluate', batch)
      }, epoch)
    } catch (error) {
      if (settings.signal?.aborted) await this.#save()
      throw error
    }
  }

  /** Unless this step is saved, or `again`. */
  async #save(again = false): Promise<void> {
    if (!this.settings.checkpoint || (this.settings.parallel?.rank ?? 0) > 0) return
    const { file, leaveFrozen } = this.settings.checkpoint
    const { step } = this.#progress
    if (step === this.#savedStep && !again) return
    const state = await this.runtime.read([...this.#stateDims().keys()])
    const best = new Map([...this.#best].filter(([path]) => !(leaveFrozen && this.#fixed.has(path))))
    await saveCheckpoint(file, this.#fingerprint, { progress: this.#progress, state, best })
    this.#savedStep = step
    this.settings.onEvent?.({ type: 'checkpoint', step, file })
  }

  async #resume({ progress, state, best }: Checkpoint): Promise<void> {
    this.#progress = progress
    this.#best = best.size > 0 ? new Map([...this.#fixed, ...best]) : best
    this.#savedStep = progress.step
    this.#clock.start(progress.step)
    const passing = [...this.programs.slots].filter(([path]) => this.#passing.has(path))
    await this.runtime.write({ ...Object.fromEntries(this.#fixed), ...zeros(passing), ...state })
  }

  #firstState(): Record<string, Tensor> {
    const { model, seed, initial } = this.settings
    const state = firstState(model, this.programs, seed, initial)
    for (const [path, dims] of this.programs.slots) {
      const given = initial?.get(path)
      if (given?.dtype === 'float32' && String(given.dims) === String(dims) && !this.#passing.has(path))
        state[path] = given
    }
    for (const path of this.programs.averaged) state[averagePath(path)] = state[path]!
    return state
  }

  /** What a checkpoint of this run holds. */
  #stateDims(): Map<string, readonly number[]> {
    const { model, checkpoint } = this.settings
    const left = (path: string) => this.#passing.has(path) || (checkpoint?.leaveFrozen && this.#fixed.has(path))
    const parameters = [...walk(model).parameters].map(([{ shape }, path]) => [path, shape] as const)
    return new Map([...parameters, ...this.programs.slots].filter(([path]) => !left(path)))
  }

  *#stepsFrom(first: number) {
    if (this.#progress.stoppedEarly) return
    for (let step = first; step < this.#totalSteps; ) {
      const epoch = Math.floor(step / this.#stepsPerEpoch)
      for (const rows of epochOrder(this.#order, epoch).slice(step % this.#stepsPerEpoch)) {
        if (step++ >= this.#totalSteps) return
        yield rows
      }
    }
  }

  async #readParameters(): Promise<Map<string, Tensor>> {
    const { averaged } = this.programs
    const paths = [...walk(this.settings.model).parameters.values()]
    const resident = (path: string) => (averaged.has(path) ? averagePath(path) : path)
    const tensors = await this.runtime.read(paths.filter((path) => !this.#fixed.has(path)).map(resident))
    return new Map(paths.map((path) => [path, this.#fixed.get(path) ?? tensors[resident(path)]!]))
  }

  /** Everything that decides the result and can be seen: programs, optimiser, rates, order, key of the data. */
  #takeFingerprint(): string {
    const { optimiser, schedule, clip, average, checkpoint, parallel } = this.settings
    // The same for any number of processes, so that a run can go on with another.
    const { programs } = parallel ? compileTraining(alone(this.settings)) : this.programs
    const parts = Object.entries(programs).flatMap(([name, { model }]) => [name, model])
    const rates = Array.from({ length: 17 }, (_, i) =>
      schedule(Math.floor((i * this.#totalSteps) / 17), this.#totalSteps),
    )
    const transforms = optimiser.map(({ name, settings }) => ({ name, settings }))
    const seen = JSON.stringify({
      order: this.#order,
      total: this.#totalSteps,
      rates,
      transforms,
      clip,
      average,
      initialSteps: this.settings.initialSteps,
      key: checkpoint?.key,
    })
    return hashOf([...parts, seen])
  }
}

/** The graph of a process that trains alone. */
const alone = (settings: TrainSettings): TrainingGraph => ({
  ...settings,
  accumulate: (settings.accumulate ?? 1) > 1,
  parallel: false,
})
