import { expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import { add, exp, mul } from '../functions/elementwise.js'
import { dropout } from '../functions/layers.js'
import { reduceSum } from '../functions/reductions.js'
import { gradients } from '../gradients.js'
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
  const forwards = (checkpointed: boolean) => {
    const b = new GraphBuilder('twice forward')
    const w = b.parameter('w', [4])
    const part = () => exp(mul(b.input('x', 'float32', ['N', 4]), w))
    const y = checkpointed ? b.recomputed(part) : part()
    b.output('dw', gradients(reduceSum(exp(y)), [w])[0]!)
    return opsOf(b).filter((op) => op === 'exp').length
  }
  expect([forwards(false), forwards(true)]).toEqual([2, 3])
})
