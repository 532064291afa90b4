import { expect } from 'vitest'
import { encodeOnnx } from '../onnx/codec.js'
import type { OnnxModel } from '../onnx/model.js'
import { tensorOf } from '../tensor.js'
import type { NdArray } from './array.js'

interface OrtTensor {
  readonly dims: readonly number[]
  readonly data: unknown
}

/** What we use of onnxruntime-node; tests pass the real one in, since only they may import it. */
export interface Ort {
  InferenceSession: {
    create(
      model: Uint8Array,
      options: {
        logSeverityLevel: 3
        intraOpNumThreads: number
        graphOptimizationLevel?: 'all' | 'disabled'
        enableMemPattern?: boolean
        enableProfiling?: boolean
        profileFilePrefix?: string
      },
    ): Promise<{
      inputNames: readonly string[]
      run(feeds: Record<string, never>): Promise<Readonly<Record<string, OrtTensor>>>
      endProfiling(): void
      release(): Promise<void>
    }>
  }
  Tensor: new (dtype: never, data: never, dims: readonly number[]) => OrtTensor
}

export type Results = Record<string, { dims: number[]; data: number[] }>

export const ortTensor = ({ Tensor }: Pick<Ort, 'Tensor'>, { dims, data, dtype }: NdArray): never =>
  new Tensor(dtype as never, tensorOf(dtype, dims, [...data]).data as never, dims) as never

/** Runs a model once in the real runtime; feeds that the model does not have are left out. */
export const runner =
  (ort: Ort) =>
  async (model: OnnxModel, feeds: Readonly<Record<string, NdArray>>): Promise<Results> => {
    const options = { logSeverityLevel: 3, intraOpNumThreads: 2 } as const
    const session = await ort.InferenceSession.create(encodeOnnx(model), options)
    const fed = Object.entries(feeds).filter(([name]) => session.inputNames.includes(name))
    const results = await session.run(Object.fromEntries(fed.map(([name, x]) => [name, ortTensor(ort, x)])))
    await session.release()
    return Object.fromEntries(
      Object.entries(results).map(([name, t]) => [
        name,
        { dims: [...t.dims], data: Array.from(t.data as ArrayLike<number>, Number) },
      ]),
    )
  }

/** Each number within the tolerance, relative to 1 + its size. */
export function expectClose(
  found: readonly number[],
  expected: ArrayLike<number>,
  tolerance: number,
  what: string,
): void {
  expect(found.length, `${what}: elements`).toBe(expected.length)
  for (let i = 0; i < found.length; i++) {
    const error = Math.abs(found[i]! - expected[i]!) / (1 + Math.abs(expected[i]!))
    if (!(error <= tolerance)) expect.fail(`${what}[${i}]: found ${found[i]}, expected ${expected[i]}`)
  }
}
