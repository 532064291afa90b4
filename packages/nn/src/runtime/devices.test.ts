import { encodeOnnx, GraphBuilder, lower, mul, tensorOf } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { presentDevices } from './devices.js'
import { createRuntime } from './runtime.js'
import { openSession } from './session.js'

const builder = new GraphBuilder('double')
builder.output('y', mul(builder.input('x', 'float32', [2]), 2))
const model = encodeOnnx(lower(builder.build(), { opset: 18, provider: 'cpu', mode: 'infer' }))

describe('devices', () => {
  it('opens a session on each device that is present; the processor always is', async () => {
    const present = await presentDevices()
    expect(present[0]).toBe('cpu')
    for (const device of present) {
      const session = await openSession(model, { device })
      const { y } = await session.run({ x: tensorOf('float32', [2], [1, 2]) })
      expect([...y!.data]).toEqual([2, 4])
      await session.release()
    }
  })

  it('refuses an absent one with the reason and those present, never computing elsewhere in silence', async () => {
    const present = await presentDevices()
    const all = ['cpu', 'cuda', 'dml', 'coreml', 'webgpu'] as const
    const absent = all.filter((device) => !present.includes(device))
    expect(absent.length).toBeGreaterThan(0) // no machine has both DirectML and Core ML
    for (const device of absent) {
      const refusal = openSession(model, { device })
      await expect(refusal).rejects.toMatchObject({ code: 'absent-device', details: { device, present } })
      await expect(refusal).rejects.toThrow(
        new RegExp(`^The device "${device}" is not present on this machine: .+\\. Present: ${present.join(', ')}$`),
      )
    }
  })

  it('refuses an unknown one with the nearest name and those present, also for training', async () => {
    const options = { device: 'cudaa' as never }
    const sentence = /There is no device "cudaa"; did you mean "cuda"\? Known are cpu, cuda, .*; present .*: cpu/
    await expect(openSession(model, options)).rejects.toThrow(sentence)
    await expect(openSession(model, { ...options, worker: true })).rejects.toThrow(sentence)
    const runtime = createRuntime(options)
    const parts = { state: [], updates: [], tables: [], results: ['y'], clear: [], sums: [], training: false }
    await expect(runtime.load('double', { model, ...parts })).rejects.toMatchObject({ code: 'unknown-device' })
    await runtime.release()
  })
})
