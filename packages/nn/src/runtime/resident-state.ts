import { type Tensor, tensorOf } from '@volant/graph'
import type { Tensor as OrtTensor } from 'onnxruntime-common'
import { NnError } from '../errors.js'
import type { Binding } from './binding.js'
import type { Mpi } from './mpi.js'
import {
  checkFeed,
  createSession,
  fromOrt,
  type OnnxSession,
  type Port,
  runFailed,
  runSession,
  toOrt,
} from './onnx-session.js'
import type { Program, TableAccess } from './program.js'

type Feeds = Record<string, OrtTensor>

interface Loaded extends Program {
  readonly onnx: OnnxSession
  /** Where a program that changes state writes its results. */
  readonly places?: Readonly<Record<string, OrtTensor>>
}

/** The tensors that stay in the runtime's thread (weights, moments, accumulated gradients) and the programs over them. */
export class ResidentState {
  readonly #tensors = new Map<string, { tensor: Tensor; ort: OrtTensor }>()
  readonly #programs = new Map<string, Loaded>()
  readonly #noted = new Map<string, Set<number>>()
  #mpi: Mpi | undefined
  /** What is summed over the processes, in one piece. */
  #together: Float32Array | undefined
  /** Work space of `#distinctIds` for each table. */
  readonly #places = new Map<string, Int32Array>()

  /** `joinProcesses` is called for the first program that sums over processes. */
  constructor(
    readonly binding: Binding,
    readonly joinProcesses?: () => Promise<Mpi>,
  ) {}

  /** Makes a session for the program; a program of the same name is replaced, and gone also where the new one fails. */
  async load(name: string, program: Program, settings: { threads?: number; device?: string }): Promise<void> {
    const former = this.#programs.get(name)
    this.#programs.delete(name)
    await former?.onnx.session.release()
    if (program.sums.length > 0) this.#mpi ??= await this.joinProcesses!()
    const changes = program.updates.length > 0
    const model = changes ? this.binding.forPlaces(program.model) : program.model
    const onnx = await createSession(this.binding, model, { ...settings, training: program.training })
    const results = onnx.outputs.filter((port) => program.results.includes(port.name))
    const places = changes ? Object.fromEntries(results.map((port) => [port.name, this.#placeFor(port)])) : undefined
    this.#programs.set(name, { ...program, onnx, places })
  }

  /** Gives all sessions and tensors back. */
  async release(): Promise<void> {
    const programs = [...this.#programs.values()]
    this.#programs.clear()
    this.#tensors.clear()
    for (const { onnx } of programs) await onnx.session.release()
  }

  /** Runs a program on a batch and the resident state; returns its results. */
  async run(
    name: string,
    batch: Record<string, Tensor>,
    scalars: Readonly<Record<string, number>> = {},
  ): Promise<Record<string, Tensor>> {
    const program = this.#programs.get(name)
    if (!program) throw new NnError('unknown-program', `There is no program "${name}"; load it first`, { name })
    if (program.sums.length > 0) this.#sumOverProcesses(program)
    const tables = program.tables.map((access) => this.#choose(access, batch))
    const feeds = this.#feeds(program, batch, scalars, tables)
    if (!program.places) {
      const fetches = Object.fromEntries(program.results.map((output) => [output, null]))
      const outputs = await runSession(program.onnx, feeds, fetches)
      return Object.fromEntries(program.results.map((output) => [output, fromOrt(outputs[output]!)]))
    }
    const places = { ...program.places }
    for (const { output, state } of program.updates) places[output] = this.#resident(state).ort
    await this.binding.runIntoPlaces(program.onnx.session, feeds, places).catch((cause) => {
      throw runFailed(cause)
    })
    for (const state of program.clear) this.#clear(state, tables)
    return Object.fromEntries(program.results.map((output) => [output, copyOf(fromOrt(places[output]!))]))
  }

  /** Copies of the named tensors, all when none are named. */
  async read(names: readonly string[] = [...this.#tensors.keys()]): Promise<Record<string, Tensor>> {
    return Object.fromEntries(
      names.map((name) => {
        return [name, copyOf(this.#resident(name).tensor)]
      }),
    )
  }

  /** Makes the tensors resident, in place of former ones of the same names. */
  async write(tensors: Record<string, Tensor>): Promise<void> {
    for (const [name, tensor] of Object.entries(tensors)) {
      const former = this.#tensors.get(name)
      const fits = former && String(former.tensor.dims) === String(tensor.dims) && former.tensor.dtype === tensor.dtype
      if (fits) former.tensor.data.set(tensor.data as never)
      else this.#tensors.set(name, { tensor, ort: this.#toOrt(tensor) })
    }
  }

  #toOrt(tensor: Tensor): OrtTensor {
    return toOrt(this.binding, tensor)
  }

  /** Memory for a result of a program that changes state. */
  #placeFor({ name, dtype, dims }: Port): OrtTensor {
    const known = dims.filter((dim) => typeof dim === 'number')
    if (known.length < dims.length)
      throw new NnError(
        'bad-program',
        `The result "${name}" of a program that changes state has the shape [${dims.join(', ')}], expected known sizes`,
        { result: name, dims },
      )
    return this.#toOrt(tensorOf(dtype, known, new Array(known.reduce((a, b) => a * b, 1)).fill(0)))
  }

  #resident(name: string): { tensor: Tensor; ort: OrtTensor } {
    const found = this.#tensors.get(name)
    if (!found) throw new NnError('unknown-state', `There is no resident tensor "${name}"; write it first`, { name })
    return found
  }

  #feeds(
    program: Loaded,
    batch: Record<string, Tensor>,
    scalars: Readonly<Record<string, number>>,
    tables: readonly Chosen[],
  ): Feeds {
    const feeds: Feeds = {}
    for (const name of program.state) feeds[name] = this.#resident(name).ort
    for (const { fed } of tables) Object.assign(feeds, fed)
    for (const port of program.onnx.inputs) {
      if (port.name in feeds) continue
      const number = scalars[port.name]
      const tensor = number === undefined ? batch[port.name] : tensorOf(port.dtype, [], [number])
      checkFeed(port, tensor)
      feeds[port.name] = this.#toOrt(tensor!)
    }
    return feeds
  }

  #choose(access: TableAccess, batch: Record<string, Tensor>): Chosen {
    const height = this.#resident(access.table).tensor.dims[0]!
    const fed: Feeds = {}
    const ids = access.which === 'noted' ? this.#takeNoted(access.table) : this.#distinctIds(access, batch, height, fed)
    if (access.which === 'note') this.#note(access.table, ids)
    const chosen = new BigInt64Array(ids.length)
    const low = lowWords(chosen)
    for (let place = 0; place < ids.length; place++) low[2 * place] = ids[place]!
    fed[access.chosen] = this.#toOrt({ dtype: 'int64', dims: [ids.length], data: chosen })
    return { access, ids, fed }
  }

  /** Sets a state to zero: of a table only the rows in use, as the others are zero. */
  #clear(state: string, tables: readonly Chosen[]): void {
    const { dims, data } = this.#resident(state).tensor
    const table = tables.find(({ access }) => access.states.includes(state))
    if (table) clearRows(data as Float32Array, table.ids, dims[1]!)
    else data.fill(0 as never)
  }

  /** The distinct ids of a batch in order of appearance; feeds each id's place among them. */
  #distinctIds({ table, ids }: TableAccess, batch: Record<string, Tensor>, height: number, fed: Feeds): Int32Array {
    const places = this.#places.get(table) ?? new Int32Array(height) // 0: not met in this batch, else place + 1
    this.#places.set(table, places)
    const tensors = ids.map(({ input }) => idsOf(table, input, batch[input]))
    const distinct = new Int32Array(tensors.reduce((sum, { data }) => sum + data.length, 0))
    let count = 0
    try {
      tensors.forEach(({ dims, data }, t) => {
        const low = lowWords(data)
        const order = new BigInt64Array(data.length)
        const lowOrder = lowWords(order)
        for (let i = 0; i < data.length; i++) {
          const id = low[2 * i]!
          if (id < 0 || id >= height || low[2 * i + 1] !== 0) throw badId(table, ids[t]!.input, data[i]!, height)
          if (places[id] === 0) {
            distinct[count++] = id
            places[id] = count
          }
          lowOrder[2 * i] = places[id]! - 1
        }
        fed[ids[t]!.index] = this.#toOrt({ dtype: 'int64', dims, data: order })
      })
    } finally {
      for (let place = 0; place < count; place++) places[distinct[place]!] = 0
    }
    return distinct.slice(0, count)
  }

  /** Sums gradients over the processes: whole tensors, and the rows of tables that any process has noted. */
  #sumOverProcesses({ sums, tables }: Program): void {
    const mpi = this.#mpi!
    const rows: Float32Array[] = []
    const byRow = new Set<string>()
    for (const { table, states } of tables) {
      const ids = this.#noteOfAll(mpi, table)
      for (const state of states.filter((one) => sums.includes(one))) {
        const { dims, data } = this.#resident(state).tensor
        byRow.add(state)
        const width = dims[1]!
        for (const id of ids) rows.push((data as Float32Array).subarray(id * width, (id + 1) * width))
      }
    }
    this.#together ??= this.#placeTogether(sums.filter((state) => !byRow.has(state)))
    mpi.reduce(this.#together, 'sum')
    if (rows.length > 0) sumOfParts(mpi, rows)
  }

  /** Moves tensors into one array, in this order, so that one call sums them all without a copy. */
  #placeTogether(states: readonly string[]): Float32Array {
    const tensors = states.map((state) => this.#resident(state).tensor)
    const together = new Float32Array(tensors.reduce((sum, { data }) => sum + data.length, 0))
    let at = 0
    tensors.forEach((tensor, i) => {
      const data = together.subarray(at, at + tensor.data.length)
      data.set(tensor.data as Float32Array)
      const moved = { ...tensor, data }
      this.#tensors.set(states[i]!, { tensor: moved, ort: this.#toOrt(moved) })
      at += data.length
    })
    return together
  }

  /** The rows of a table noted by any process, in ascending order; from now on noted here as well. */
  #noteOfAll(mpi: Mpi, table: string): readonly number[] {
    const marks = new Uint8Array(this.#resident(table).tensor.dims[0]!)
    for (const id of this.#noted.get(table) ?? []) marks[id] = 1
    mpi.reduce(marks, 'max')
    const ids = [...marks.keys()].filter((id) => marks[id] === 1)
    this.#noted.set(table, new Set(ids))
    return ids
  }

  #note(table: string, ids: Int32Array): void {
    const noted = this.#noted.get(table) ?? new Set()
    for (const id of ids) noted.add(id)
    this.#noted.set(table, noted)
  }

  #takeNoted(table: string): Int32Array {
    const ids = Int32Array.from(this.#noted.get(table) ?? [])
    this.#noted.delete(table)
    return ids
  }
}

/** Sums many small arrays over the processes by one call. */
function sumOfParts(mpi: Mpi, parts: readonly Float32Array[]): void {
  const all = new Float32Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    all.set(part, at)
    at += part.length
  }
  mpi.reduce(all, 'sum')
  at = 0
  for (const part of parts) {
    part.set(all.subarray(at, at + part.length))
    at += part.length
  }
}

interface Chosen {
  readonly access: TableAccess
  readonly ids: Int32Array
  readonly fed: Feeds
}

function idsOf(
  table: string,
  input: string,
  tensor: Tensor | undefined,
): { dims: readonly number[]; data: BigInt64Array } {
  if (tensor?.data instanceof BigInt64Array && tensor.dims.length > 0) return { dims: tensor.dims, data: tensor.data }
  throw new NnError('bad-feed', `Input "${input}": expected int64 ids for table "${table}", found ${tensor?.dtype}`, {
    input,
  })
}

const badId = (table: string, input: string, id: bigint, height: number) =>
  new NnError('bad-feed', `Input "${input}": id ${id} is not in table "${table}" of ${height} rows`, {
    input,
    id: String(id),
  })

/** int64 as pairs of 32-bit words, the low one first on all platforms ONNX Runtime has binaries for. */
const lowWords = (data: BigInt64Array) => new Int32Array(data.buffer, data.byteOffset, 2 * data.length)

function clearRows(table: Float32Array, ids: Int32Array, width: number): void {
  for (let place = 0; place < ids.length; place++) table.fill(0, ids[place]! * width, (ids[place]! + 1) * width)
}

const copyOf = (tensor: Tensor): Tensor => ({ ...tensor, data: tensor.data.slice() })
