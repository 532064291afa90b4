import { Worker } from 'node:worker_threads'
import { encodeOnnx, GraphBuilder, lower, mul, sumOf, tensorOf } from '@volant/graph'
import { afterEach, describe, expect, it, vi } from 'vitest'
import type { Runtime } from './interface.js'
import type { Program } from './program.js'
import { createRuntime } from './runtime.js'
import { openSession } from './session.js'

/** y = factor x */
function times(factor: number): Program {
  const builder = new GraphBuilder('times')
  builder.output('y', mul(builder.input('x', 'float32', ['N']), factor))
  const model = encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }))
  return { model, state: [], updates: [], tables: [], results: ['y'], clear: [], sums: [], training: false }
}
const x = (...numbers: number[]) => ({ x: tensorOf('float32', [numbers.length], numbers) })
const y = async (results: ReturnType<Runtime['step']>) => [...(await results)['y']!.data]

let runtime: Runtime
afterEach(() => runtime.release())

describe('a runtime', () => {
  it('does steps asked for at the same time in order, also across loads', async () => {
    runtime = createRuntime({ threads: 1 })
    const results = [
      runtime.load('times', times(2)),
      y(runtime.step('times', x(1))),
      y(runtime.step('times', x(2, 3))),
      runtime.load('times', times(10)), // replaces it
      y(runtime.step('times', x(4))),
    ]
    expect(await Promise.all(results)).toEqual([undefined, [2], [4, 6], undefined, [40]])
  })

  it('has no program under a name whose second load failed', async () => {
    runtime = createRuntime({ threads: 1 })
    await runtime.load('times', times(2))
    await expect(runtime.load('times', { ...times(2), model: Uint8Array.of(1, 2) })).rejects.toMatchObject({
      code: 'bad-model',
    })
    await expect(runtime.step('times', x(1))).rejects.toMatchObject({ code: 'unknown-program' })
    await runtime.load('times', times(3))
    expect(await y(runtime.step('times', x(1)))).toEqual([3])
  })

  it('refuses what is under way at its release and what comes later; a second release does nothing', async () => {
    runtime = createRuntime({ threads: 1 })
    await runtime.load('times', times(2))
    const under = Array.from({ length: 50 }, () => runtime.step('times', x(1)))
    const ended = Promise.allSettled(under)
    await runtime.release()
    for (const result of await ended)
      if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'released' })
    expect((await ended).at(-1)!.status).toBe('rejected')
    await expect(runtime.step('times', x(1))).rejects.toThrow('The runtime was released; open another')
    await expect(runtime.load('times', times(2))).rejects.toMatchObject({ code: 'released' })
    await runtime.release()
  })

  it('whose thread ends by itself says so to all calls, and what is lost', async () => {
    const posts = vi.spyOn(Worker.prototype, 'postMessage')
    runtime = createRuntime({ threads: 1 })
    await runtime.load('times', times(2))
    const worker = posts.mock.contexts[0] as Worker
    posts.mockRestore()
    worker.postMessage({ id: -1, method: 'end', args: [] })
    await expect(runtime.step('times', x(1))).rejects.toMatchObject({ code: 'worker-ended' })
    await expect(runtime.read()).rejects.toThrow(
      'The runtime thread ended (exit code 0); its weights are lost: open another and resume from a checkpoint',
    )
  })
})

describe.each([{ worker: false }, { worker: true }])('a session ($worker: in a worker)', (options) => {
  it('refuses runs after its release; a second release does nothing', async () => {
    const session = await openSession(times(2).model, options)
    const under = Promise.allSettled(Array.from({ length: 20 }, () => session.run(x(1))))
    await Promise.all([session.release(), session.release()])
    for (const result of await under) {
      if (result.status === 'fulfilled') expect([...result.value['y']!.data]).toEqual([2])
      else expect(result.reason).toMatchObject({ code: 'released' })
    }
    await expect(session.run(x(1))).rejects.toThrow('The session was released; open another')
    await session.release()
  })

  it('keeps answering when others are opened and released beside it', async () => {
    const builder = new GraphBuilder('sum')
    const a = builder.input('x', 'float32', ['N'])
    builder.output('y', sumOf([a, a, a]))
    const first = await openSession(times(2).model, options)
    const second = await openSession(
      encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' })),
      options,
    )
    await first.release()
    expect([...(await second.run(x(1)))['y']!.data]).toEqual([3])
    await second.release()
  })
})
