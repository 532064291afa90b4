import { expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { add, exp, mul } from '../functions/elementwise.js'
import { dropout } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { shareCommonSubexpressions } from './common-subexpressions.js'

const opsOf = (b: GraphBuilder) => shareCommonSubexpressions(b.build()).graph.nodes.map((node) => node.op)

it('computes the same once, also through equal constants', () => {
  const b = new GraphBuilder('twice')
  const x = b.input('x', 'float32', ['N'])
  const once = b.scope('first', () => exp(mul(x, 2)))
  const again = b.scope('second', () => exp(mul(x, 2)))
  b.output('y', add(once, again))
  const { graph, report } = shareCommonSubexpressions(b.build())
  expect(graph.nodes.map((node) => node.op)).toEqual(['mul', 'exp', 'add'])
  expect(graph.constants).toHaveLength(1)
  expect(report.places).toEqual([
    { at: 'second', op: 'mul', applied: true, what: 'the same as at first' },
    { at: 'second', op: 'exp', applied: true, what: 'the same as at first' },
  ])
})

it('keeps draws apart that are not of the same salt', () => {
  const b = new GraphBuilder('draws')
  const x = b.input('x', 'float32', ['N'])
  const seed = b.input('seed', 'uint32', [])
  b.output(
    'y',
    add(
      add(dropout(x, 0.5, seed, { salt: 1 }), dropout(x, 0.5, seed, { salt: 2 })),
      dropout(x, 0.5, seed, { salt: 1 }),
    ),
  )
  expect(opsOf(b)).toEqual(['dropout', 'dropout', 'add', 'add'])
})

it('does not undo recomputation', () => {
  const b = new GraphBuilder('checkpointed')
  const x = b.input('x', 'float32', ['N'])
  const forward = exp(x)
  const incoming = mul(forward, 3)
  // As activation checkpointing writes it: the same forward pass of an input that waits for the gradient.
  const again = exp(add(x, mul(reduceSum(incoming), 0)))
  b.output('y', mul(incoming, again))
  expect(opsOf(b).filter((op) => op === 'exp')).toHaveLength(2)
})
