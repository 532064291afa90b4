import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeOnnx } from '../onnx/codec.js'
import type { OnnxModel } from '../onnx/model.js'
import type { NdArray } from './array.js'
import { type Ort, ortTensor } from './run.js'

/** A node the runtime ran. */
export interface Ran {
  readonly name: string
  /** Bytes of all tensors that live once it is done, without graph inputs and what the arena rounds up. */
  readonly bytes: number
}

interface Event {
  readonly cat: string
  readonly name: string
  readonly ts: number
  readonly args: { readonly mem_bytes_requested_in_use?: string }
}

/** The nodes in the order in which the real runtime runs them, on one thread and without memory pattern, as in training. */
export const profiler =
  (ort: Ort, graphOptimizationLevel: 'all' | 'disabled' = 'all') =>
  async (model: OnnxModel, feeds: Readonly<Record<string, NdArray>>): Promise<Ran[]> => {
    const folder = await mkdtemp(join(tmpdir(), 'volant-profile-'))
    try {
      const session = await ort.InferenceSession.create(encodeOnnx(model), {
        enableProfiling: true,
        profileFilePrefix: join(folder, 'run'),
        graphOptimizationLevel,
        enableMemPattern: false,
        intraOpNumThreads: 1,
        logSeverityLevel: 3,
      })
      await session.run(Object.fromEntries(Object.entries(feeds).map(([name, x]) => [name, ortTensor(ort, x)])))
      session.endProfiling()
      const [file] = await readdir(folder)
      const events = JSON.parse(await readFile(join(folder, file!), 'utf8')) as Event[]
      await session.release()
      return events
        .filter(({ cat, name }) => cat === 'Node' && name.endsWith('_kernel_time'))
        .toSorted((p, q) => p.ts - q.ts)
        .map(({ name, args }) => ({
          name: name.replace(/_kernel_time$/, ''),
          bytes: Number(args.mem_bytes_requested_in_use),
        }))
    } finally {
      await rm(folder, { recursive: true })
    }
  }
