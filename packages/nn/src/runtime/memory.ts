import { NnError } from '../errors.js'

/** What ONNX Runtime, its builds for the web, and the JS engine say when there is no memory left. */
const SIGNS =
  /Failed to allocate memory|bad_alloc|bad allocation|Array buffer allocation failed|reaching memory limit|Can't create a session.*memory|Aborted\(OOM\)|Cannot enlarge memory/i

/** The failure as an NnError `out-of-memory` that says how much was wanted, where known; undefined when it is another one. */
export function asOutOfMemory(cause: unknown, asked?: number): NnError | undefined {
  const { message } = cause as Error
  if (cause instanceof NnError || !SIGNS.test(message)) return undefined
  const bytes = /requested buffer of size (\d+)/.exec(message)?.[1] ?? asked
  const [, op, node] = /while running (\w+) node\. Name:'([^']*)'/.exec(message) ?? []
  const wanted = bytes ? `${shown(Number(bytes))} more were wanted` : 'more was wanted than there is'
  const where = op ? ` by ${op} ("${node}")` : ''
  return new NnError(
    'out-of-memory',
    `Out of memory: ${wanted}${where}. Lower the batch size, the length of the inputs or the width of the model, or release other sessions`,
    { bytes: bytes && Number(bytes), op, node },
    { cause },
  )
}

function shown(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB']
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10))
  return power === 0 ? `${bytes} bytes` : `${(bytes / 1024 ** power).toFixed(1)} ${units[power]} (${bytes} bytes)`
}
