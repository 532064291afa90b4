import { describe, expect, it } from 'vitest'
import { GraphBuilder } from './builder.js'
import { checkGraph } from './check.js'
import { GraphError } from './error.js'
import { attention } from './functions/attention.js'
import { add, equal, exp, where } from './functions/elementwise.js'
import { crossEntropy, linear, matMul } from './functions/layers.js'
import { reduceMean } from './functions/reductions.js'
import { reshape, slice } from './functions/shape.js'
import { gradients } from './gradients.js'
import { printGraph } from './print.js'

const refusal = (body: () => unknown): GraphError => {
  try {
    body()
  } catch (error) {
    if (error instanceof GraphError) return error
    throw error
  }
  return expect.fail('nothing was refused')
}

describe('GraphBuilder', () => {
  it('names op, path and both shapes when shapes do not fit', () => {
    const b = new GraphBuilder('encoder')
    const x = b.input('x', 'float32', ['B', 'T', 384])
    const w = b.parameter('w', [768, 384])
    const error = refusal(() =>
      b.scope('encoder', () => b.scope('layers.3', () => b.scope('attention.query', () => linear(x, w)))),
    )
    expect(error.message).toBe(
      'linear at encoder.layers.3.attention.query: the width of the input and the rows of the weight differ: 384 and 768 ' +
        '(shapes [B*T,384] and [768,384])',
    )
    expect(error).toMatchObject({ op: 'linear', path: 'encoder.layers.3.attention.query' })
    expect(error.shapes).toEqual([
      ['B*T', 384],
      [768, 384],
    ])
    expect(b.path).toBe('')
  })

  it('holds named dims equal only if their forms are', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['B', 'T'])
    expect(refusal(() => add(x, b.input('y', 'float32', ['B', 'S']))).message).toContain('T is not S')
    expect(add(x, b.input('z', 'float32', ['1*B', 'T'])).shape).toEqual(['B', 'T'])
    expect(refusal(() => reshape(x, ['B*T*2'])).message).toContain('[B,T] has B*T elements, [2*B*T] has 2*B*T')
  })

  it('refuses wrong dtypes, axes, masks and labels', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['B', 3, 4])
    const i = b.input('i', 'int64', ['B'])
    expect(refusal(() => exp(i)).message).toBe('exp: expected floating-point numbers, found int64 (shapes [B])')
    expect(refusal(() => add(i, b.input('f', 'float32', ['B']))).message).toContain('dtypes differ: int64, float32')
    expect(refusal(() => reduceMean(x, 3)).message).toContain('axis 3 is out of range for 3 dimensions')
    expect(refusal(() => slice(x, { axis: 1, start: 2, end: 9 })).message).toContain('cannot take 2 to 9')
    expect(refusal(() => attention(x, x, x, { heads: 3 })).message).toContain('a multiple of 3 heads')
    const mask = b.input('mask', 'bool', ['B', 4])
    expect(refusal(() => attention(x, x, x, { heads: 2, mask })).message).toContain('the mask must be [B,3]')
    const logits = b.input('logits', 'float32', ['N', 5])
    expect(refusal(() => crossEntropy(logits, i)).message).toContain('the labels must be [N]')
    expect(refusal(() => where(x, x, x)).message).toContain('expected bool, found float32')
  })

  it('refuses names used twice and values of another builder', () => {
    const [b, other] = [new GraphBuilder(), new GraphBuilder()]
    const x = b.input('x', 'float32', [2])
    expect(refusal(() => b.parameter('x', [2])).message).toContain('the name "x" is taken')
    expect(refusal(() => add(x, other.input('y', 'float32', [2]))).message).toContain('belongs to another builder')
    expect(refusal(() => other.output('x', x)).message).toContain('belongs to another builder')
    expect(refusal(() => b.constant([1, 2, 3], { shape: [2] })).message).toContain('3 numbers')
  })

  it('keeps only what an output needs', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', [2])
    exp(x)
    b.output('y', add(x, 1))
    expect(b.build().nodes.map((n) => n.op)).toEqual(['add'])
  })
})

describe('printGraph', () => {
  it('prints a linear classifier and its gradients', () => {
    const b = new GraphBuilder('classifier')
    const x = b.input('x', 'float32', ['N', 3])
    const labels = b.input('labels', 'int64', ['N'])
    const w = b.parameter('head.weight', [3, 2])
    const bias = b.parameter('head.bias', [2], { trainable: false })
    const loss = b.scope('head', () => crossEntropy(linear(x, w, bias), labels))
    b.output('loss', loss)
    b.output('dw', gradients(loss, [w])[0]!)
    expect(printGraph(b.build())).toMatchInlineSnapshot(`
      "graph classifier
      input %0 x: float32[N,3]
      input %1 labels: int64[N]
      parameter %2 head.weight: float32[3,2]
      parameter %3 head.bias: float32[2] frozen
      constant %4: int64[] = 0
      constant %5: float32[] = -1
      # head
      %6: float32[N,2] = linear(%0, %2, %3) {alpha: 1, beta: 1}
      %7: float32[], %8: float32[N,2], %9: float32[N] = crossEntropy(%6, %1) {smoothing: 0, classWeights: false, rowWeights: false}
      # (top)
      %10: float32[] = fill() {shape: [], value: 1, dtype: float32}
      # head
      %11: float32[N] = mul(%9, %10)
      %12: float32[N,1] = reshape(%11) {shape: [N,1]}
      %13: float32[N,2] = exp(%8)
      %14: float32[N,2] = mul(%12, %13)
      %15: int64[N] = maximum(%1, %4)
      %16: int64[N,1] = reshape(%15) {shape: [N,1]}
      %17: float32[N,1] = mul(%12, %5)
      %18: float32[N,2] = scatterElementsAdd(%14, %16, %17) {axis: 1}
      %19: float32[3,2] = matMul(%0, %18) {transA: true, transB: false, alpha: 1}
      output loss = %7: float32[]
      output dw = %19: float32[3,2]
      "
    `)
  })
})

describe('checkGraph', () => {
  const small = () => {
    const b = new GraphBuilder()
    b.output('y', matMul(b.input('x', 'float32', [2, 3]), b.parameter('w', [3, 4])))
    return b.build()
  }
  it('accepts what a builder made', () => checkGraph(small()))
  it('refuses a wrong shape, an undefined value and an unknown op', () => {
    const graph = small()
    const [node] = graph.nodes
    const last = graph.values.length - 1
    const values = graph.values.with(last, { dtype: 'float32', shape: [2, 5] })
    expect(() => checkGraph({ ...graph, values })).toThrow('its rule gives float32[2,4]')
    expect(() => checkGraph({ ...graph, nodes: [{ ...node!, inputs: [0, 7] }] })).toThrow(
      '%7 is used before it is defined',
    )
    expect(() => checkGraph({ ...graph, nodes: [{ ...node!, op: 'convolve', path: 'a.b' }] })).toThrow(
      'convolve at a.b: the table of ops has no such row',
    )
    expect(() => checkGraph({ ...graph, nodes: [node!, node!] })).toThrow('a second time')
    expect(() => checkGraph({ ...graph, nodes: [] })).toThrow('output "y" is the undefined value')
  })
})

describe('gradients', () => {
  it('are zeros where the loss does not depend on a value, or only through an op without gradient', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', [2])
    const y = b.input('y', 'float32', [2])
    const loss = reduceMean(where(equal(x, y), 1, b.constant([1, 2])))
    gradients(loss, [x, y]).forEach((dx, i) => {
      b.output(`d${i}`, dx)
    })
    expect(b.build().nodes.map((n) => n.op)).toEqual(['fill', 'fill'])
  })
  it('refuse a loss that is not a scalar', () => {
    const x = new GraphBuilder().input('x', 'float32', [2])
    expect(() => gradients(x, [x])).toThrow('the loss must be a scalar (shapes [2])')
  })
  it('name op and path where a rule is missing', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['N', 3])
    const loss = b.scope('head.loss', () => crossEntropy(x, b.input('y', 'int64', ['N'])))
    const [dx] = gradients(loss, [x])
    expect(() => gradients(reduceMean(dx!), [x])).toThrow(
      'crossEntropy at head.loss: the gradient rule is missing for values it saved',
    )
  })
  it('skip branches that reach no parameter', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', ['N', 3])
    const w = b.parameter('w', [3, 3])
    const loss = reduceMean(linear(linear(x, b.parameter('frozen', [3, 3])), w))
    b.output('dw', gradients(loss, [w])[0]!)
    expect(b.build().nodes.filter((n) => n.op === 'matMul')).toHaveLength(1)
  })
})
