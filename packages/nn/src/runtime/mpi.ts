import koffi, { type LibraryHandle } from 'koffi'
import { NnError } from '../errors.js'

/** MPI_THREAD_SERIALIZED: several threads may call, one at a time. */
const SERIALIZED = 2
/** MPI_IN_PLACE */
const IN_PLACE = 1n

const libraries: Partial<Record<NodeJS.Platform, string>> = { linux: 'libmpi.so.40', darwin: 'libmpi.40.dylib' }

type Operation = 'sum' | 'max'
type Numbers = Float32Array | Float64Array | Uint8Array

/**
 * The few calls of Open MPI 4 and 5 (https://docs.open-mpi.org) that data-parallel training needs. All are collective: every
 * process of the group must make the same calls in the same order, and waits there for the others.
 */
export class Mpi {
  readonly rank: number
  readonly size: number
  readonly #call: (name: string, ...args: unknown[]) => void
  readonly #address: (symbol: string) => bigint

  /** Joins the group that mpirun started; a second thread of the process finds it joined. Throws NnError `no-mpi`. */
  constructor() {
    const library = load()
    const address = (symbol: string) => library.symbol(symbol, 'char') as unknown as bigint
    const signatures: Record<string, string> = {
      MPI_Initialized: 'int MPI_Initialized(_Out_ int*)',
      MPI_Init_thread: 'int MPI_Init_thread(void*, void*, int, _Out_ int*)',
      MPI_Comm_rank: 'int MPI_Comm_rank(void*, _Out_ int*)',
      MPI_Comm_size: 'int MPI_Comm_size(void*, _Out_ int*)',
      MPI_Allreduce: 'int MPI_Allreduce(void*, void*, int, void*, void*, void*)',
      MPI_Abort: 'int MPI_Abort(void*, int)',
      MPI_Finalize: 'int MPI_Finalize()',
    }
    const functions = Object.fromEntries(
      Object.entries(signatures).map(([name, signature]) => [name, library.func(signature)]),
    )
    this.#address = address
    this.#call = (name, ...args) => {
      const code = functions[name]!(...args) as number
      if (code !== 0) throw new NnError('mpi-failed', `${name} failed with the MPI error ${code}`, { name, code })
    }
    const found = [0]
    this.#call('MPI_Initialized', found)
    if (!found[0]) this.#call('MPI_Init_thread', null, null, SERIALIZED, found)
    const world = address('ompi_mpi_comm_world')
    this.#call('MPI_Comm_rank', world, found)
    this.rank = found[0]!
    this.#call('MPI_Comm_size', world, found)
    this.size = found[0]!
  }

  /** Replaces each number by the sum or the maximum over all processes; the result is the same in each. */
  reduce(numbers: Numbers, operation: Operation): void {
    const type =
      numbers instanceof Float32Array ? 'float' : numbers instanceof Float64Array ? 'double' : 'unsigned_char'
    const [kind, op, world] = [`mpi_${type}`, `mpi_op_${operation}`, 'mpi_comm_world'].map((name) =>
      this.#address(`ompi_${name}`),
    )
    this.#call('MPI_Allreduce', IN_PLACE, numbers, numbers.length, kind, op, world)
  }

  /** Ends all processes of the group, this one too. */
  abort(code: number): void {
    this.#call('MPI_Abort', this.#address('ompi_mpi_comm_world'), code)
  }

  /** Leaves the group; once a process, at its end. */
  finalize(): void {
    this.#call('MPI_Finalize')
  }
}

function load(): LibraryHandle {
  const name = libraries[process.platform]
  try {
    if (!name) throw new Error(`there is no Open MPI for ${process.platform}`)
    return koffi.load(name)
  } catch (cause) {
    throw new NnError(
      'no-mpi',
      `mpirun started this process, but Open MPI cannot be used: ${(cause as Error).message}. Install Open MPI 4 or 5 on every machine (Debian: libopenmpi3)`,
      { library: name },
      { cause },
    )
  }
}
