import { expect, it } from 'vitest'
import { Emitter } from './emitter.js'

it('emits an op once for the same inputs, and ops of one name of two domains each', () => {
  const emit = new Emitter({ opset: 18, provider: 'cpu', mode: 'infer' }, [])
  const standard = emit.op('Gelu', ['x'])
  expect(emit.op('Gelu', ['x'])).toBe(standard)
  expect(emit.op('Gelu', ['x'], {}, 'com.microsoft')).not.toBe(standard)
})
