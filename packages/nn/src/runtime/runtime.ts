import { availableParallelism } from 'node:os'
import type { Tensor } from '@volant/graph'
import type { Program } from './program.js'
import { buffersOf, Thread, transferable } from './thread.js'

/** Hosts programs and the state they share. The one interface of the engine's back ends. */
export interface Runtime {
  /** Compiles a program under a name. */
  load(name: string, program: Program): Promise<void>
  /**
   * Runs a program once. The batch's buffers move to the runtime and are gone for the caller; `scalars` become inputs of
   * shape [], float32, or uint32 where the name is `seed` or `firstRow`. Resolves to the program's results.
   */
  step(name: string, batch: Record<string, Tensor>, scalars?: Record<string, number>): Promise<Record<string, Tensor>>
  /** Copies of resident tensors; of all when none are named. */
  read(names?: readonly string[]): Promise<Record<string, Tensor>>
  /** Makes tensors resident; the caller keeps its own. */
  write(tensors: Record<string, Tensor>): Promise<void>
  release(): Promise<void>
}

export interface RuntimeOptions {
  /** Threads that share one operation; default: all cores. */
  readonly threads?: number
}

/** A runtime in a worker thread with ONNX Runtime on the CPU. */
export function createRuntime(options: RuntimeOptions = {}): Runtime {
  const threads = options.threads ?? availableParallelism()
  const thread = new Thread('runtime')
  return {
    async load(name, program) {
      await thread.call('load', [name, program, { threads }])
    },
    async step(name, batch, scalars = {}) {
      const feeds = Object.fromEntries(
        Object.entries(batch).map(([input, tensor]) => [input, transferable(tensor, 'move')]),
      )
      for (const [input, value] of Object.entries(scalars)) feeds[input] = scalar(input, value)
      return (await thread.call('run', [name, feeds], buffersOf(feeds))) as Record<string, Tensor>
    },
    async read(names) {
      return (await thread.call('read', [names])) as Record<string, Tensor>
    },
    async write(tensors) {
      const copies = Object.fromEntries(
        Object.entries(tensors).map(([name, tensor]) => [name, transferable(tensor, 'copy')]),
      )
      await thread.call('write', [copies], buffersOf(copies))
    },
    release: () => thread.end(),
  }
}

const unsigned = new Set(['seed', 'firstRow'])

function scalar(input: string, value: number): Tensor {
  return unsigned.has(input)
    ? { dtype: 'uint32', dims: [], data: Uint32Array.of(value) }
    : { dtype: 'float32', dims: [], data: Float32Array.of(value) }
}
