import { describe, expect, it } from 'vitest'
import { classOutcomes, compareModels, gain, measure, measureAll, metricNames, numberOutcomes } from './index.js'

/** x <- 1664525 x + 1013904223 mod 2^32 (Numerical Recipes), as shares of 1: the same rows in any language. */
function uniform(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 32
  }
}

/** Probabilities in few steps, so that ties are many; the true class gets up to 7/8 on top. */
function classRows(next: () => number, rows: number, classes: number) {
  const labels: number[] = []
  const probabilities: number[] = []
  for (let row = 0; row < rows; row++) {
    const label = Math.floor(next() * classes)
    const scores = Array.from({ length: classes }, () => 0.25 + Math.floor(next() * 8) / 8)
    scores[label]! += Math.floor(next() * 8) / 8
    const total = scores.reduce((a, b) => a + b, 0)
    labels.push(label)
    probabilities.push(...scores.map((s) => s / total))
  }
  return { labels, probabilities }
}

/** Expected values: scikit-learn 1.9 (sklearn.metrics) on the rows of `uniform(7)`, taken in this order. */
describe('metrics agree with scikit-learn', () => {
  const next = uniform(7)
  const two = classRows(next, 60, 2)
  const four = classRows(next, 80, 4)
  const targets = Array.from({ length: 50 }, () => 10 * next())
  const predictions = targets.map((y) => y + next() * 4 - 2)

  it.each([
    ['accuracy', 0.8166666666666667], // accuracy_score
    ['balancedAccuracy', 0.8102678571428572], // balanced_accuracy_score
    ['f1', 0.7843137254901961], // f1_score
    ['precision', 0.8695652173913043], // precision_score
    ['recall', 0.7142857142857143], // recall_score
    ['macroF1', 0.8124467178175618], // f1_score(average='macro')
    ['weightedF1', 0.8143222506393861], // f1_score(average='weighted')
    ['logLoss', 0.5140872207840185], // log_loss
    ['rocAuc', 0.8850446428571429], // roc_auc_score
    ['prAuc', 0.846597728320177], // average_precision_score
  ] as const)('two classes, %s', (name, expected) => {
    expect(measure(name, classOutcomes(two.labels, two.probabilities, 2))).toBeCloseTo(expected, 12)
  })

  it.each([
    ['accuracy', 0.5625],
    ['balancedAccuracy', 0.5488471177944863],
    ['macroF1', 0.5505168018779634],
    ['weightedF1', 0.56084831515866],
    ['logLoss', 1.107112970250728],
    ['rocAuc', 0.8350085157039866], // roc_auc_score(multi_class='ovr', average='macro')
    ['prAuc', 0.6634742685343654], // average_precision_score(one-hot labels, average='macro')
  ] as const)('four classes, %s', (name, expected) => {
    expect(measure(name, classOutcomes(four.labels, four.probabilities, 4))).toBeCloseTo(expected, 12)
  })

  it.each([
    ['mse', 1.6196550085333978], // mean_squared_error
    ['rmse', 1.2726566734722282],
    ['mae', 1.1568965578638017], // mean_absolute_error
    ['r2', 0.760597762384059], // r2_score
  ] as const)('numbers, %s', (name, expected) => {
    expect(measure(name, numberOutcomes(targets, predictions))).toBeCloseTo(expected, 12)
  })

  it('scores the positive class that is named', () => {
    const flipped = classOutcomes(two.labels, two.probabilities, 2, 0)
    expect(measure('recall', flipped)).toBeCloseTo(2 * 0.8102678571428572 - 0.7142857142857143, 12)
    expect(measure('rocAuc', flipped)).toBeCloseTo(0.8850446428571429, 12)
  })
})

describe('edge cases', () => {
  it('gives the expected calibration error of bins worked out by hand', () => {
    // Confidences 0.9, 0.9, 0.6, 0.6: two bins; gaps |1/2 - 0.9| and |2/2 - 0.6|, each half of the rows.
    const outcomes = classOutcomes([0, 1, 1, 1], [0.9, 0.1, 0.9, 0.1, 0.4, 0.6, 0.4, 0.6], 2)
    expect(measure('ece', outcomes)).toBeCloseTo(0.5 * 0.4 + 0.5 * 0.4, 12)
  })

  it('gives chance level when all scores tie', () => {
    const tied = classOutcomes([0, 1, 1, 0, 0], new Array(10).fill(0.5), 2)
    expect(measure('rocAuc', tied)).toBe(0.5)
    expect(measure('prAuc', tied)).toBeCloseTo(0.4, 12)
  })

  it('leaves out rows without a label', () => {
    const outcomes = classOutcomes([0, -1, 1], [0.9, 0.1, 0.9, 0.1, 0.2, 0.8], 2)
    expect(outcomes.rows).toBe(2)
    expect(measure('accuracy', outcomes)).toBe(1)
    expect(numberOutcomes([1, Number.NaN], [2, 5]).rows).toBe(1)
  })

  it('leaves out metrics that are undefined', () => {
    const oneClass = measureAll(classOutcomes([1, 1], [0.3, 0.7, 0.6, 0.4], 2))
    expect(oneClass.accuracy).toBe(0.5)
    expect(oneClass).not.toHaveProperty('rocAuc')
    expect(measureAll(numberOutcomes([3, 3], [1, 3]))).not.toHaveProperty('r2')
    expect(measureAll(classOutcomes([], [], 2))).toEqual({})
  })

  it('offers metrics of the positive class to two classes only', () => {
    expect(metricNames(classOutcomes([0], [0.2, 0.3, 0.5], 3))).toEqual([
      'accuracy',
      'balancedAccuracy',
      'macroF1',
      'weightedF1',
      'logLoss',
      'rocAuc',
      'prAuc',
      'ece',
    ])
    expect(() => measure('rmse', classOutcomes([0], [1, 0], 2))).toThrow(/Metric "rmse": expected numbers/)
  })

  it('refuses rows that do not fit', () => {
    expect(() => classOutcomes([0, 1], [1, 0], 2)).toThrow(/expected 2 x 2 probabilities, found 2/)
    expect(() => classOutcomes([2], [1, 0], 2)).toThrow(/expected classes from 0 to 1 \(or -1\), found 2 in row 0/)
    expect(() => numberOutcomes([1], [])).toThrow(/expected 1 predictions, found 0/)
  })
})

describe('choosing by the primary metric', () => {
  it('turns every metric so that more is better', () => {
    expect(gain('accuracy', 0.9, 0.8)).toBeCloseTo(0.1, 12)
    expect(gain('rmse', 3, 5)).toBe(2)
  })

  it('breaks ties by log loss', () => {
    expect(compareModels('accuracy', { accuracy: 0.9, logLoss: 1 }, { accuracy: 0.8, logLoss: 0.1 })).toBeGreaterThan(0)
    expect(compareModels('accuracy', { accuracy: 0.9, logLoss: 1 }, { accuracy: 0.9, logLoss: 0.1 })).toBeLessThan(0)
    expect(compareModels('rocAuc', {}, { rocAuc: 0.1 })).toBeLessThan(0)
    expect(compareModels('rmse', { rmse: 2 }, { rmse: 2 })).toBe(0)
  })
})
