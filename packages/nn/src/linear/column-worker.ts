// Worker thread of trainSquaredHinge: takes the next unsolved column from a shared counter until none is left.
import { parentPort, workerData } from 'node:worker_threads'
import { columnCount, type OneVsRest, solveColumn, writeColumn } from './one-vs-rest.js'

export interface ColumnWork {
  readonly problem: OneVsRest
  /** [1] in shared memory: the next column to take. */
  readonly next: Int32Array
  readonly weights: Float32Array
  readonly bias: Float32Array
}

export interface ColumnDone {
  readonly column: number
  readonly iterations: number
  readonly converged: boolean
}

const { problem, next, weights, bias } = workerData as ColumnWork
const outputs = columnCount(problem.classes)
for (let column = Atomics.add(next, 0, 1); column < outputs; column = Atomics.add(next, 0, 1)) {
  const solving = solveColumn(problem, column)
  let step = solving.next()
  while (!step.done) step = solving.next()
  const { w, iterations, converged } = step.value
  writeColumn(w, column, outputs, weights, bias)
  parentPort!.postMessage({ column, iterations, converged } satisfies ColumnDone)
}
