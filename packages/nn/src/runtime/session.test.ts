import { rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { encodeOnnx, GraphBuilder, linear, lower, mul, type Tensor, tensorOf } from '@volant/graph'
import { afterAll, describe, expect, it } from 'vitest'
import { openSession, type SessionOptions } from './session.js'

const b = new GraphBuilder('line')
const x = b.input('x', 'float32', ['batch', 2])
const y = linear(x, b.parameter('w', [2, 1]), b.parameter('b', [1]))
b.output('y', y)
b.output('double', mul(y, 2))
const weights = new Map<string, Tensor>([
  ['w', tensorOf('float32', [2, 1], [3, 4])],
  ['b', tensorOf('float32', [1], [0.5])],
])
const model = encodeOnnx(lower(b.build(), { opset: 18, provider: 'cpu', mode: 'infer' }, weights))
const feeds = { x: tensorOf('float32', [2, 2], [1, 0, 0, 1]) }
const file = path.join(tmpdir(), `volant-session-${process.pid}.onnx`)
afterAll(() => rm(file, { force: true }))

describe.each<[string, SessionOptions]>([
  ['in this thread', {}],
  ['in a worker thread', { worker: true }],
])('openSession %s', (_, options) => {
  it('describes and runs a model given as bytes or as a file', async () => {
    await writeFile(file, model)
    for (const source of [model, file]) {
      const session = await openSession(source, options)
      expect(session.inputs).toEqual([{ name: 'x', dtype: 'float32', dims: ['batch', 2] }])
      expect(session.outputs.map(({ name }) => name)).toEqual(['y', 'double'])
      const results = await session.run(feeds)
      expect([...results['y']!.data]).toEqual([3.5, 4.5])
      expect(results['double']).toEqual({ dtype: 'float32', dims: [2, 1], data: Float32Array.of(7, 9) })
      expect(Object.keys(await session.run(feeds, ['double']))).toEqual(['double'])
      await session.release()
    }
  })

  it('leaves the tensors fed to the caller, also views, and answers many runs at once', async () => {
    const session = await openSession(model, options)
    const arena = Float32Array.of(9, 9, 1, 0, 0, 1)
    const view = { x: { dtype: 'float32' as const, dims: [2, 2], data: arena.subarray(2) } }
    const results = await Promise.all(Array.from({ length: 20 }, () => session.run(view, ['y'])))
    for (const result of results) expect([...result['y']!.data]).toEqual([3.5, 4.5])
    expect(arena.length).toBe(6)
    await session.release()
  })

  it('refuses wrong feeds, unknown outputs, a broken model, and work after release', async () => {
    const session = await openSession(model, options)
    await expect(session.run({})).rejects.toThrow('Input "x": expected float32 [batch, 2], found nothing')
    await expect(session.run({ x: tensorOf('int64', [1, 2], [1, 2]) })).rejects.toThrow('found int64 [1, 2]')
    await expect(session.run({ x: tensorOf('float32', [1, 3], [1, 2, 3]) })).rejects.toThrow('found float32 [1, 3]')
    await expect(session.run(feeds, ['z'])).rejects.toMatchObject({ code: 'unknown-output' })
    await session.release()
    await expect(session.run(feeds)).rejects.toThrow(/released/)
    await expect(openSession(Uint8Array.of(1, 2, 3), options)).rejects.toMatchObject({ code: 'bad-model' })
    await expect(openSession('/nowhere/model.onnx', options)).rejects.toThrow('/nowhere/model.onnx')
    await expect(openSession(model, { ...options, threads: 0 })).rejects.toMatchObject({ code: 'bad-threads' })
  })
})
