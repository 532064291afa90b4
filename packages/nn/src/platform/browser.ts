// What a browser has of node.ts: it refuses the rest by name.
import { NnError } from '../errors.js'
import type * as node from './node.js'

function refuse(what: string, instead: string): never {
  throw new NnError('needs-node', `${what} needs Node; in a browser ${instead}`, { what })
}
const ownRuntime = 'make a runtime with createRuntime of @volant/nn/web, and pass it to train as `runtime`'
const ownSession = 'use openSession of @volant/nn/web'
const noFiles = 'leave out `checkpoint` and keep the weights that train gives'

export class Thread {
  constructor(host: 'session' | 'runtime') {
    refuse(`A ${host} thread`, host === 'runtime' ? ownRuntime : ownSession)
  }
}

export const binding: Pick<typeof node.binding, 'open'> = {
  open: () => refuse('A session of @volant/nn', ownSession),
}

export const presentDevices: typeof node.presentDevices = () =>
  refuse('presentDevices', 'the devices are wasm and, where navigator.gpu is, webgpu')

/** One: the solvers of linear models then stay in this thread. */
export const availableParallelism: typeof node.availableParallelism = () => 1

export const turn: typeof node.turn = () => new Promise((resolve) => setTimeout(resolve))

export const hashOf: typeof node.hashOf = () => refuse('A checkpoint', noFiles)
export const readIfThere: typeof node.readIfThere = () => refuse('A checkpoint', noFiles)
export const writeWhole: typeof node.writeWhole = () => refuse('A checkpoint', noFiles)

export const loadMpi: typeof node.loadMpi = () => refuse('Training by several processes', 'train by one')

export const columnWorker: typeof node.columnWorker = () =>
  refuse('A solver with several threads', 'set `threads` to 1')
