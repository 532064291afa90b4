import { describe, expect, it } from 'vitest'
import { pretrainProgress } from './pretrain-progress.js'
import type { Terminal } from './terminal.js'

const step = (step: number) => ({
  type: 'step' as const,
  step,
  totalSteps: 200,
  epoch: 1,
  loss: 8 / step,
  norm: 1,
  learningRate: 0.001,
  rowsPerSecond: 10,
  secondsLeft: 200 - step,
})

function shown(live: boolean) {
  let drawn = ''
  const notes: string[] = []
  const progress = pretrainProgress({
    live,
    width: 80,
    stderr: { write: (text: string) => (drawn += text) },
    note: (text: string) => notes.push(text),
  } as unknown as Terminal)
  progress.onEvent({ type: 'tokeniser', progress: { phase: 'tokens', done: 500, total: 8000 } })
  progress.onEvent({ type: 'texts', done: 1000 })
  progress.onEvent({ type: 'start', step: 20, totalSteps: 200, parameters: 1 })
  for (let i = 21; i <= 60; i++) progress.onEvent(step(i))
  progress.onEvent({ type: 'epoch', best: true, epoch: 1, step: 60, loss: 2, validation: { score: 2.5 } })
  progress.end()
  return { drawn, notes }
}

describe('the progress of a pre-training', () => {
  it('on a live terminal: what is done, the time left and the curve of the loss', () => {
    const { drawn, notes } = shown(true)
    expect(drawn).toContain('Training the tokeniser: 500 of 8000 tokens')
    expect(drawn).toContain('Reading the texts: 1000 texts')
    const last = drawn.slice(drawn.lastIndexOf('update 60 of 200'))
    expect(last).toMatch(/^update 60 of 200 {2}loss 0.133 {2}2 min 20 s left\ntraining loss\n0\.372 │[\s\S]*\n0\.134 │/)
    expect(last.split('\n').every((line) => line.length <= 80)).toBe(true)
    expect(notes).toEqual([
      'Training the tokeniser',
      'Reading the texts',
      'Goes on after 20 of 200 updates',
      'Update 60: loss 2.0000, of the rows held out 2.5000',
    ])
    // What was drawn live is removed at the end.
    expect(drawn.endsWith('\x1b[J')).toBe(true)
  })

  it('elsewhere in lines, nothing redrawn', () => {
    const { drawn, notes } = shown(false)
    expect(drawn).toBe('')
    expect(notes).toHaveLength(4)
  })
})
