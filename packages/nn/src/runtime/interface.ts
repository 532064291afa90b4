import type { Tensor } from '@volant/graph'
import type { Program } from './program.js'

/**
 * Hosts programs and the state they share. The one interface of the engine's back ends: `createRuntime` of this package for
 * Node, `createRuntime` of `@volant/nn/web` for browsers. Calls are done one after the other, in the order they were made.
 */
export interface Runtime {
  /** Compiles a program under a name; a program of the same name is replaced. */
  load(name: string, program: Program): Promise<void>
  /**
   * Runs a program once. The batch's buffers move to the runtime and are gone for the caller; `scalars` become inputs of
   * shape [] and of the dtype that the program has there. Resolves to the program's results.
   */
  step(name: string, batch: Record<string, Tensor>, scalars?: Record<string, number>): Promise<Record<string, Tensor>>
  /** Copies of resident tensors; of all when none are named. */
  read(names?: readonly string[]): Promise<Record<string, Tensor>>
  /** Makes tensors resident; the caller keeps its own. */
  write(tensors: Record<string, Tensor>): Promise<void>
  /** Gives all sessions and state back. What is under way or asked for later is refused with NnError `released`. */
  release(): Promise<void>
}
