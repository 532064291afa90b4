import type { Worker } from 'node:worker_threads'
import { availableParallelism, columnWorker } from '#platform'
import type { ColumnDone, ColumnWork } from './column-worker.js'
import { cooperate } from './cooperate.js'
import { type CsrMatrix, type LinearModel, rowSquares } from './matrix.js'
import { columnCount, type OneVsRest, solveColumn, writeColumn } from './one-vs-rest.js'
import { type Convergence, checkSettings, type LinearSettings } from './settings.js'

export interface SquaredHingeSettings extends LinearSettings {
  /** Threads that share the columns; the result does not depend on it. Default: as many as pay off, at most the cores. */
  readonly threads?: number
}

/** Below this many entries x columns starting threads costs more than it saves. */
const WORTH_A_THREAD = 20e6

/**
 * L2-regularised squared hinge loss (the usual linear SVM), one class against the rest, bias regularised; minimises the same
 * objective as scikit-learn's `LinearSVC(C, intercept_scaling=1)`. Two classes give one column, positive for class 1.
 * `tolerance` (default 1e-4, as scikit-learn's) bounds the spread of the projected dual gradient, `maxIterations` (default 1000) the sweeps.
 * Throws NnError `bad-matrix` or `bad-settings`, or the signal's reason.
 */
export async function trainSquaredHinge(
  x: CsrMatrix,
  labels: Int32Array,
  settings: SquaredHingeSettings,
): Promise<LinearModel & Convergence> {
  const { classes, C, intercept = true, tolerance = 1e-4, maxIterations = 1000, seed = 0 } = settings
  const weights = checkSettings(x, labels, settings)
  const squares = rowSquares(x, intercept ? 1 : 0)
  const problem = { x, squares, labels, classes, C, ...weights, intercept, tolerance, maxIterations, seed }
  const outputs = columnCount(classes)
  const paysOff = Math.ceil((x.indices.length * outputs) / WORTH_A_THREAD)
  const threads = Math.min(settings.threads ?? Math.min(availableParallelism(), paysOff), outputs)
  return threads > 1 ? solveInThreads(problem, threads, settings) : solveHere(problem, settings)
}

async function solveHere(problem: OneVsRest, settings: LinearSettings): Promise<LinearModel & Convergence> {
  const outputs = columnCount(problem.classes)
  const weights = new Float32Array(problem.x.cols * outputs)
  const bias = new Float32Array(outputs)
  const tally = new Tally(outputs, settings)
  for (let column = 0; column < outputs; column++) {
    const solution = await cooperate(solveColumn(problem, column), { signal: settings.signal })
    writeColumn(solution.w, column, outputs, weights, bias)
    tally.add(solution)
  }
  return { weights, bias, outputs, ...tally.convergence }
}

async function solveInThreads(
  problem: OneVsRest,
  threads: number,
  settings: LinearSettings,
): Promise<LinearModel & Convergence> {
  const outputs = columnCount(problem.classes)
  const { x } = problem
  const work: ColumnWork = {
    problem: {
      ...problem,
      x: { ...x, indptr: shared(x.indptr), indices: shared(x.indices), values: shared(x.values) },
      squares: shared(problem.squares),
      labels: shared(problem.labels),
      classWeights: shared(problem.classWeights),
      rowWeights: shared(problem.rowWeights),
    },
    next: new Int32Array(new SharedArrayBuffer(4)),
    weights: new Float32Array(new SharedArrayBuffer(x.cols * outputs * 4)),
    bias: new Float32Array(new SharedArrayBuffer(outputs * 4)),
  }
  const tally = new Tally(outputs, settings)
  settings.signal?.throwIfAborted()
  const workers = Array.from({ length: threads }, () => columnWorker(work))
  const stop = () => {
    for (const worker of workers) worker.terminate()
  }
  settings.signal?.addEventListener('abort', stop)
  try {
    await Promise.all(workers.map((worker) => ended(worker, (done) => tally.add(done))))
  } finally {
    stop()
    settings.signal?.removeEventListener('abort', stop)
  }
  settings.signal?.throwIfAborted()
  return { weights: work.weights.slice(), bias: work.bias.slice(), outputs, ...tally.convergence }
}

function ended(worker: Worker, onColumn: (done: ColumnDone) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    worker.on('message', onColumn)
    worker.on('error', reject)
    worker.on('exit', () => resolve())
  })
}

class Tally {
  #solved = 0
  #iterations = 0
  #converged = true

  constructor(
    readonly outputs: number,
    readonly settings: LinearSettings,
  ) {}

  add({ iterations, converged }: Convergence): void {
    this.#solved++
    this.#iterations = Math.max(this.#iterations, iterations)
    this.#converged &&= converged
    this.settings.onProgress?.({ fraction: this.#solved / this.outputs })
  }

  get convergence(): Convergence {
    return { iterations: this.#iterations, converged: this.#converged }
  }
}

function shared<T extends Int32Array | Float32Array | Float64Array>(array: T): T {
  const copy = new (array.constructor as new (buffer: SharedArrayBuffer) => T)(new SharedArrayBuffer(array.byteLength))
  copy.set(array)
  return copy
}
