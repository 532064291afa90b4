import { hashOf, loadMpi } from '#platform'
import { NnError } from '../errors.js'
import type { Mpi } from '../runtime/mpi.js'

/**
 * The processes that train one model together, each on its share of every batch (synchronous data parallelism). All run the
 * same program on the same data; the process of rank 0 writes files and speaks.
 */
export interface ProcessGroup {
  /** 0 … size - 1 */
  readonly rank: number
  readonly size: number
  /** How many of them share this machine's cores. */
  readonly onThisMachine: number
  /**
   * Throws NnError `ranks-differ` unless all processes came here with the same text. Collective: a process waits here for all
   * the others.
   */
  requireSame(what: string, text: string): void
  /** Leaves the group, at the end of the process. */
  leave(): void
  /** Ends all processes of the group with this exit code. */
  abort(code: number): void
}

/** True when mpirun (Open MPI) started this process as one of several. */
export const startedByMpi = (environment: NodeJS.ProcessEnv = process.env): boolean =>
  Number(environment['OMPI_COMM_WORLD_SIZE'] ?? 1) > 1

/**
 * Joins the processes that `mpirun` started; undefined when this process runs alone. Throws NnError `no-mpi` when the library
 * is missing, `other-mpi` for an MPI that is not Open MPI.
 */
export async function joinProcesses(): Promise<ProcessGroup | undefined> {
  if (!startedByMpi()) {
    const others = Number(process.env['PMI_SIZE'] ?? 1)
    if (others > 1)
      throw new NnError(
        'other-mpi',
        `This is one of ${others} processes of an MPI that is not Open MPI (PMI_SIZE is set); use the mpirun of Open MPI`,
      )
    return undefined
  }
  const Mpi = await loadMpi()
  return groupOf(new Mpi())
}

function groupOf(mpi: Mpi): ProcessGroup {
  return {
    rank: mpi.rank,
    size: mpi.size,
    onThisMachine: Number(process.env['OMPI_COMM_WORLD_LOCAL_SIZE'] ?? 1),
    requireSame(what, text) {
      // 48 bits of the hash, exact in a double: equal everywhere when the largest is also the smallest.
      const own = Number.parseInt(hashOf([text]).slice(0, 12), 16)
      const extremes = Float64Array.of(own, -own)
      mpi.reduce(extremes, 'max')
      if (extremes[0] !== -extremes[1]!)
        throw new NnError(
          'ranks-differ',
          `The ${mpi.size} processes differ in ${what}; all need the same program, settings, data and checkpoint files (rank ${mpi.rank}: ${text})`,
          { what, rank: mpi.rank },
        )
    },
    leave: () => mpi.finalize(),
    abort: (code) => mpi.abort(code),
  }
}
