import { describe, expect, it } from 'vitest'
import type { Gate } from '../evaluate/index.js'
import { decide, explain } from './explain.js'

const labels = { new: 20, used: 50, rows: 200, disagreements: 0 }

/** A gate whose joint difference has this interval; spam's own difference the other. */
function gate(interval: [number, number], spam: [number, number] = [-0.01, 0.01]): Gate {
  const middle = ([low, high]: [number, number]) => (low + high) / 2
  const output = { metric: 'accuracy', champion: 0.75, candidate: 0.95, weight: 1 }
  return {
    rows: 300,
    difference: middle(interval),
    interval,
    outputs: {
      queue: { ...output, difference: 0.2, interval: [0.1, 0.3] },
      spam: { ...output, champion: 0.9, candidate: 0.9, difference: middle(spam), interval: spam },
    },
  }
}

describe('the gate', () => {
  it('promotes what is proven better, keeps what is not, sets aside what is proven worse', () => {
    expect(decide(gate([0.001, 0.1]))).toBe('promoted')
    expect(decide(gate([0, 0.1]))).toBe('kept')
    expect(decide(gate([-0.1, 0.1]))).toBe('kept')
    expect(decide(gate([-0.1, 0]))).toBe('kept')
    expect(decide(gate([-0.1, -0.001]))).toBe('set-aside')
  })

  it('promotes nothing that makes one output provably worse', () => {
    const traded = gate([0.05, 0.2], [-0.2, -0.05])
    expect(decide(traded)).toBe('kept')
    const said = explain('kept', traded, labels)
    expect(said).toMatchObject({ code: 'kept-output-worse', params: { output: 'spam' } })
    expect(said.en).toContain('"spam" got provably worse')
    expect(said.zh).toContain('“spam”已证明变差')
  })

  it('says why in English and Chinese, with the figures', () => {
    const said = explain('promoted', gate([0.1, 0.3]), labels)
    expect(said.en).toBe(
      'On the 300 rows of the frozen test set, queue went from 75.0 % to 95.0 % (accuracy), spam went from 90.0 % to 90.0 % (accuracy); ' +
        'the difference is +20.0 %, between +10.0 and +30.0 % with 95 % certainty. That is proven better, so the new model answers from now on (20 new labels).',
    )
    expect(said.zh).toContain('在冻结测试集的 300 行上，queue 的 accuracy 从 75.0 % 变为 95.0 %')
    expect(explain('set-aside', gate([-0.3, -0.1]), labels).en).toContain('the 20 new labels are set aside')
    expect(explain('first', null, labels).en).toContain('There was no model yet')
    expect(explain('kept', null, labels).code).toBe('nothing-to-compare')
  })
})
