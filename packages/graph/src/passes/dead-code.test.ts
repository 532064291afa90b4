import { expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { mul } from '../functions/elementwise.js'
import { linear } from '../functions/layers.js'
import { printGraph } from '../print.js'
import { removeDeadCode } from './dead-code.js'
import { printReport } from './report.js'

function halfDead() {
  const b = new GraphBuilder('half dead')
  const x = b.input('x', 'float32', ['N', 2])
  b.input('idle', 'float32', ['N'])
  const y = b.scope('used', () => linear(x, b.parameter('used.weight', [2, 2])))
  const dead = b.scope('dead', () => mul(linear(y, b.parameter('dead.weight', [2, 2])), 3))
  b.output('y', y)
  b.output('dead', dead)
  const graph = b.build()
  return { ...graph, outputs: graph.outputs.slice(0, 1) }
}

it('keeps what the outputs need, and the signature', () => {
  const { graph, report } = removeDeadCode(halfDead())
  expect(printGraph(graph)).toBe(
    [
      'graph half dead',
      'input %0 x: float32[N,2]',
      'input %1 idle: float32[N]',
      'parameter %2 used.weight: float32[2,2]',
      '# used',
      '%3: float32[N,2] = linear(%0, %2) {alpha: 1, beta: 1}',
      'output y = %3: float32[N,2]',
      '',
    ].join('\n'),
  )
  expect(printReport(report)).toBe(
    [
      'dead code: applied 3 times, 1 times not',
      '+ linear dead: no output needs it',
      '+ mul dead: no output needs it',
      '+ parameter dead.weight: nothing reads it',
      "- input idle: nothing reads it, but inputs are the model's signature",
      '',
    ].join('\n'),
  )
})

it('removes idle inputs when asked to', () => {
  expect(removeDeadCode(halfDead(), { inputs: true }).graph.inputs.map(({ name }) => name)).toEqual(['x'])
})
