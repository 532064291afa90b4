import { describe, expect, it } from 'vitest'
import { retrievalReport } from './retrieval.js'
import { bestThreshold, labelReport, scoreReport } from './similarity.js'

/** A vector of length 1 at an angle in degrees. */
const at = (degrees: number) =>
  Float32Array.of(Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180))

describe('retrieval', () => {
  it('counts the ranks of what belongs to a query', () => {
    const candidates = [0, 10, 20, 30, 40, 50, 60].map(at)
    // Nearest to 2°: 0°, 10°, 20°, …: ranks 1; 3 and 2; 6.
    const { rows, metrics, intervals } = retrievalReport([at(2), at(2), at(2)], candidates, [[0], [2, 1], [5]])
    const ndcg = (1 + (1 / Math.log2(3) + 1 / Math.log2(4)) / (1 + 1 / Math.log2(3)) + 1 / Math.log2(7)) / 3
    expect(rows).toBe(3)
    expect(metrics['mrr']).toBeCloseTo((1 + 1 / 2 + 1 / 6) / 3, 12)
    expect(metrics['hit@1']).toBeCloseTo(1 / 3, 12)
    expect(metrics['hit@5']).toBeCloseTo(2 / 3, 12)
    expect(metrics['hit@10']).toBe(1)
    expect(metrics['ndcg@10']).toBeCloseTo(ndcg, 12)
    const [low, high] = intervals['mrr']!
    expect(low).toBeLessThan(metrics['mrr']!)
    expect(high).toBeGreaterThan(metrics['mrr']!)
  })

  it('takes the earlier of equal candidates for the better one', () => {
    const same = [at(0), at(0), at(0)]
    expect(retrievalReport([at(0)], same, [[2]]).metrics['mrr']).toBeCloseTo(1 / 3, 12)
  })
})

describe('similarity', () => {
  it('correlates with scores', () => {
    // By hand: ranks 1 2 3 4 5 and 1 3 2 4.5 4.5.
    const { metrics } = scoreReport([0.1, 0.2, 0.3, 0.4, 0.9], [0, 2, 1, 5, 5])
    expect(metrics['spearman']).toBeCloseTo(0.872082, 6)
    expect(metrics['pearson']).toBeCloseTo(0.787997, 6)
  })

  it('tells pairs apart', () => {
    const [similarities, labels] = [
      [0.1, 0.4, 0.4, 0.8, 0.9],
      [0, 1, 0, 0, 1],
    ]
    expect(bestThreshold(similarities, labels)).toBeCloseTo(0.85, 12)
    const { metrics } = labelReport(similarities, labels, 0.85)
    // Of 6 pairs the positive is above in 1 + 3, equal in 1.
    expect(metrics['rocAuc']).toBeCloseTo(4.5 / 6, 12)
    expect(metrics['accuracy']).toBeCloseTo(0.8, 12)
    expect(bestThreshold([0.3, 0.5], [1, 1])).toBe(Number.NEGATIVE_INFINITY)
    expect(bestThreshold([0.3, 0.5], [0, 0])).toBe(Number.POSITIVE_INFINITY)
  })
})
