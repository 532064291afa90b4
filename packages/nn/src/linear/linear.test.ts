import { describe, expect, it } from 'vitest'
import { denseRows, randomProblem } from './fixtures.js'
import { csrFromRows, type LinearModel, linearScores } from './matrix.js'
import { trainRidge } from './ridge.js'
import { trainSoftmax } from './softmax.js'
import { trainSquaredHinge } from './squared-hinge.js'

const classWeights = [1, 2, 0.5, 1]
const rowWeights = Array.from({ length: 120 }, (_, i) => (i % 10 === 0 ? 0 : 1 + (i % 3)))

/** Largest entry of the objective's gradient over weights and bias, given d loss / d score for every row and output. */
function gradientNorm(model: LinearModel, rows: number[][], slope: (i: number, o: number) => number): number {
  const { weights, bias, outputs } = model
  let largest = 0
  for (let o = 0; o < outputs; o++)
    for (let j = 0; j <= rows[0]!.length; j++) {
      let sum = j < rows[0]!.length ? weights[j * outputs + o]! : bias[o]!
      rows.forEach((row, i) => {
        sum += slope(i, o) * (row[j] ?? 1)
      })
      largest = Math.max(largest, Math.abs(sum))
    }
  return largest
}

describe('trainSquaredHinge', () => {
  const { x, labels } = randomProblem(120, 30, 4, 1)
  const rows = denseRows(x)

  it('reaches the point where the primal gradient vanishes, with class and row weights and rows left out', async () => {
    const some = labels.map((label, i) => (i % 7 === 0 ? -1 : label))
    const model = await trainSquaredHinge(x, some, { classes: 4, C: 0.7, classWeights, rowWeights, tolerance: 1e-7 })
    const scores = linearScores(model, x)
    expect(model.converged).toBe(true)
    const norm = gradientNorm(model, rows, (i, o) => {
      if (some[i]! < 0) return 0
      const sign = some[i] === o ? 1 : -1
      const cost = 0.7 * rowWeights[i]! * (sign > 0 ? classWeights[o]! : 1)
      return -2 * cost * sign * Math.max(0, 1 - sign * scores[i * 4 + o]!)
    })
    expect(norm).toBeLessThan(1e-4)
  })

  it('has the closed form for one row of each class', async () => {
    // x = ±1 without intercept: minimise w^2/2 + 2C max(0, 1-w)^2, so w = 4C / (1 + 4C).
    const pair = csrFromRows([[[0, 1]], [[0, -1]]], 1)
    const model = await trainSquaredHinge(pair, Int32Array.of(1, 0), {
      classes: 2,
      C: 0.5,
      intercept: false,
      tolerance: 1e-9,
    })
    expect(model.outputs).toBe(1)
    expect(model.weights[0]).toBeCloseTo(2 / 3, 6)
    expect(model.bias[0]).toBe(0)
  })

  it('is the same to the byte in threads, and separates what is separable', async () => {
    const settings = { classes: 4, C: 10, seed: 3 }
    const here = await trainSquaredHinge(x, labels, { ...settings, threads: 1 })
    const there = await trainSquaredHinge(x, labels, { ...settings, threads: 2 })
    expect(there).toEqual(here)
    const identity = csrFromRows([[[0, 1]], [[1, 1]], [[2, 1]]], 3)
    const model = await trainSquaredHinge(identity, Int32Array.of(0, 1, 2), { classes: 3, C: 100 })
    const scores = linearScores(model, identity)
    for (let i = 0; i < 3; i++) expect(scores[i * 4]).toBeGreaterThan(0.9)
  })

  it('reports progress to 1 and stops when aborted', async () => {
    const seen: number[] = []
    await trainSquaredHinge(x, labels, {
      classes: 4,
      C: 1,
      threads: 1,
      onProgress: ({ fraction }) => seen.push(fraction),
    })
    expect(seen).toEqual([0.25, 0.5, 0.75, 1])
    for (const threads of [1, 2]) {
      const stop = new AbortController()
      const settings = { classes: 4, C: 1, threads, signal: stop.signal, onProgress: () => stop.abort() }
      await expect(trainSquaredHinge(x, labels, settings)).rejects.toThrow('abort')
    }
  })

  it.each([
    [{ classes: 1, C: 1 }, 'classes is 1, expected an integer of at least 2'],
    [{ classes: 4, C: 0 }, 'C is 0, expected a number above 0'],
    [{ classes: 3, C: 1 }, 'expected -1 … 2'],
    [{ classes: 4, C: 1, classWeights: [1, 1] }, 'classWeights has 2 entries, expected 4'],
    [{ classes: 4, C: 1, rowWeights: new Array(120).fill(-1) }, 'rowWeights[0] is -1, expected a number of at least 0'],
  ])('refuses settings %#', async (settings, message) => {
    await expect(trainSquaredHinge(x, labels, settings)).rejects.toThrow(message)
  })

  it('refuses a matrix with a value that is not finite, and labels of one class only', async () => {
    const broken = csrFromRows([[[0, 1]], [[1, Number.NaN]]], 2)
    await expect(trainSquaredHinge(broken, Int32Array.of(0, 1), { classes: 2, C: 1 })).rejects.toThrow(
      'column 1) is NaN',
    )
    await expect(
      trainSquaredHinge(
        x,
        labels.map(() => 1),
        { classes: 4, C: 1 },
      ),
    ).rejects.toThrow('fewer than two classes')
  })
})

describe('trainSoftmax', () => {
  it.each([0.1, 1, 20])('reaches the point where the primal gradient vanishes at C = %d', async (C) => {
    const { x, labels } = randomProblem(120, 30, 4, 2)
    const model = await trainSoftmax(x, labels, {
      classes: 4,
      C,
      classWeights,
      rowWeights,
      tolerance: 1e-5,
      maxIterations: 20_000,
    })
    expect(model.converged).toBe(true)
    const scores = linearScores(model, x)
    const norm = gradientNorm(model, denseRows(x), (i, o) => {
      const row = [...scores.subarray(i * 4, i * 4 + 4)].map(Math.exp)
      const probability = row[o]! / row.reduce((a, b) => a + b)
      return C * rowWeights[i]! * classWeights[labels[i]!]! * (probability - (labels[i] === o ? 1 : 0))
    })
    expect(norm).toBeLessThan(2e-4 * Math.max(1, C))
  })

  it.each([0.1, 1, 50])('fits two classes as one column of log-odds at C = %d', async (C) => {
    const { x, labels } = randomProblem(80, 20, 2, 3)
    const model = await trainSoftmax(x, labels, { classes: 2, C, tolerance: 1e-8, maxIterations: 20_000 })
    const scores = linearScores(model, x)
    const norm = gradientNorm(model, denseRows(x), (i) => C * (1 / (1 + Math.exp(-scores[i]!)) - labels[i]!))
    expect(model.outputs).toBe(1)
    expect(norm).toBeLessThan(1e-4)
  })

  it('repeats to the byte for the same seed', async () => {
    const { x, labels } = randomProblem(120, 30, 4, 2)
    const [first, second] = await Promise.all([1, 2].map(() => trainSoftmax(x, labels, { classes: 4, C: 1, seed: 9 })))
    expect(first).toEqual(second)
  })
})

describe('trainRidge', () => {
  it('solves the normal equations, the bias free and rows without a target left out', async () => {
    const { x } = randomProblem(60, 8, 4, 4)
    const rows = denseRows(x)
    const targets = Float64Array.from(rows, (row, i) =>
      i % 9 === 0 ? Number.NaN : 1000 + 3 * row[0]! - row[1]! + Math.sin(i),
    )
    const C = 0.3
    const model = await trainRidge(x, targets, { C, rowWeights: rowWeights.slice(0, 60), tolerance: 1e-10 })
    // Reference: Gaussian elimination in doubles on [X 1]^T D [X 1] + diag(1, …, 1, 0).
    const size = 9
    const system = Array.from({ length: size }, (_, a) =>
      Array.from({ length: size + 1 }, (_, b) => {
        let sum = a === b && a < 8 ? 1 : 0
        rows.forEach((row, i) => {
          if (i % 9 === 0) return
          sum += C * rowWeights[i]! * (row[a] ?? 1) * (b < size ? (row[b] ?? 1) : targets[i]!)
        })
        return sum
      }),
    )
    const solution = gauss(system)
    for (let j = 0; j < 8; j++) expect(model.weights[j]).toBeCloseTo(solution[j]!, 4)
    expect(model.bias[0]).toBeCloseTo(solution[8]!, 2)
  })

  it('refuses targets that are all missing', async () => {
    const { x } = randomProblem(5, 8, 4, 4)
    await expect(trainRidge(x, new Float64Array(5).fill(Number.NaN), { C: 1 })).rejects.toThrow('no row has a target')
  })
})

// Reference: scikit-learn 1.9 on x[i][j] = sin(3i + 7j) where (i + j) % 3 != 0 else 0 (as float32), y = i % 3 but y[0] = y[5] = 1:
// LinearSVC(C=0.5, class_weight={1: 2}), LogisticRegression(C=2, solver='liblinear') of y == 1, Ridge(alpha=2) of 10 + 3 cos i.
describe('against scikit-learn', () => {
  const cells = (i: number) => [0, 1, 2, 3].filter((j) => (i + j) % 3 !== 0)
  const rows = Array.from({ length: 12 }, (_, i) => cells(i).map((j): [number, number] => [j, Math.sin(3 * i + 7 * j)]))
  const x = csrFromRows(rows, 4)
  const y = Int32Array.from({ length: 12 }, (_, i) => (i === 0 || i === 5 ? 1 : i % 3))
  const column = (model: LinearModel, o: number) => [0, 1, 2, 3].map((j) => model.weights[j * model.outputs + o]!)

  function expectClose(found: number[], expected: number[]) {
    for (const [i, value] of found.entries()) expect(value).toBeCloseTo(expected[i]!, 4)
  }

  it('squared hinge', async () => {
    const model = await trainSquaredHinge(x, y, { classes: 3, C: 0.5, classWeights: [1, 2, 1], tolerance: 1e-8 })
    expectClose(column(model, 0), [-0.013907, 0.211684, -0.437666, 0.090483])
    expectClose(column(model, 1), [-0.570372, 0.118558, 0.001276, -0.653011])
    expectClose(column(model, 2), [0.471906, -0.2274, 0.38384, 0.542838])
    expectClose([...model.bias], [-0.421722, 0.281324, -0.498588])
  })

  it('logistic regression', async () => {
    const model = await trainSoftmax(
      x,
      y.map((label) => Number(label === 1)),
      { classes: 2, C: 2, tolerance: 1e-8 },
    )
    expectClose(column(model, 0), [-0.501325, -0.036154, -0.006289, -0.875391])
    expectClose([...model.bias], [0.004427])
  })

  it('ridge regression', async () => {
    const targets = Float64Array.from({ length: 12 }, (_, i) => 10 + 3 * Math.cos(i))
    const model = await trainRidge(x, targets, { C: 0.5, tolerance: 1e-9 })
    expectClose(column(model, 0), [0.386428, 0.161352, 1.559552, -1.314366])
    expectClose([...model.bias], [9.754067])
  })
})

/** Solves an augmented system by elimination with pivoting. */
function gauss(system: number[][]): number[] {
  const size = system.length
  for (let a = 0; a < size; a++) {
    const pivot = system.slice(a).reduce((best, row) => (Math.abs(row[a]!) > Math.abs(best[a]!) ? row : best))
    const at = system.indexOf(pivot)
    system[at] = system[a]!
    system[a] = pivot
    for (let b = 0; b < size; b++) {
      if (b === a) continue
      const factor = system[b]![a]! / pivot[a]!
      for (let c = a; c <= size; c++) system[b]![c]! -= factor * pivot[c]!
    }
  }
  return system.map((row, a) => row[size]! / row[a]!)
}
