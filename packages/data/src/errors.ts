/** An error we expect: the message is one sentence for the user, `code` is stable kebab-case, `details` hold its parts. */
export class VolantError extends Error {
  readonly code: string
  readonly details: Record<string, unknown>

  constructor(code: string, message: string, details: Record<string, unknown> = {}, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'VolantError'
    this.code = code
    this.details = details
  }
}

/** The candidate closest to `name` by edit distance (insert, delete, replace, swap), or undefined when none is near. */
export function nearestName(name: string, candidates: readonly string[]): string | undefined {
  const wanted = name.toLowerCase().slice(0, 100)
  let best: string | undefined
  // One slip in three letters, but never all of them.
  let bestDistance = Math.min(Math.max(1, Math.floor(wanted.length / 3)) + 1, wanted.length)
  for (const candidate of candidates) {
    const distance = editDistance(wanted, candidate.toLowerCase().slice(0, 100))
    if (distance < bestDistance) [best, bestDistance] = [candidate, distance]
  }
  return best
}

/** Optimal string alignment distance (Damerau-Levenshtein without overlapping swaps). */
function editDistance(a: string, b: string): number {
  let previous: number[] = []
  let row = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let cost = Math.min(next[j - 1]! + 1, row[j]! + 1, row[j - 1]! + same)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) cost = Math.min(cost, previous[j - 2]! + 1)
      next.push(cost)
    }
    previous = row
    row = next
  }
  return row[b.length]!
}

/** The error for a column that is not there: names the nearest one, and lists the columns when they are few. */
export function missingColumn(name: string, columns: readonly string[], where: string): VolantError {
  const nearest = nearestName(name, columns)
  const hint = nearest === undefined ? `The columns are: ${listNames(columns)}.` : `Did you mean "${nearest}"?`
  return new VolantError('missing-column', `There is no column "${name}" in ${where}. ${hint}`, {
    column: name,
    nearest,
    columns: columns.slice(0, 100),
  })
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 20).map((name) => `"${name.slice(0, 60)}"`)
  return shown.join(', ') + (names.length > shown.length ? ` and ${names.length - shown.length} more` : '')
}

interface SystemError extends Error {
  code?: string
}

const readProblems: Record<string, [code: string, sentence: (path: string) => string]> = {
  ENOENT: ['file-not-found', (path) => `There is no file at "${path}"; check the path.`],
  ENOTDIR: ['file-not-found', (path) => `There is no file at "${path}"; a part of the path is not a folder.`],
  EISDIR: ['is-a-folder', (path) => `"${path}" is a folder; give a CSV, TSV, JSONL or Parquet file inside it.`],
  EACCES: ['no-permission', (path) => `No permission to read "${path}"; change its permissions or run as its owner.`],
  EPERM: ['no-permission', (path) => `No permission to read "${path}"; change its permissions or run as its owner.`],
}

/** Wraps an error of the system met while reading `path`; errors of our own pass unchanged. */
export function readError(error: unknown, path: string): Error {
  if (error instanceof VolantError) return error
  if (isAbort(error)) return error as Error
  const system = error as SystemError
  const problem = readProblems[system.code ?? '']
  if (problem) return new VolantError(problem[0], problem[1](path), { path }, { cause: error })
  return new VolantError(
    'unreadable-file',
    `"${path}" could not be read: ${system.message}`,
    { path },
    { cause: error },
  )
}

/** Wraps an error of the system met while writing `path`; a full disk has the code `disk-full`. */
export function writeError(error: unknown, path: string): Error {
  if (error instanceof VolantError) return error
  if (isAbort(error)) return error as Error
  const system = error as SystemError
  const full =
    system.code === 'ENOSPC' || system.code === 'EDQUOT' || /no space left|disk (is )?full|ENOSPC/i.test(system.message)
  if (full)
    return new VolantError(
      'disk-full',
      `The disk is full: "${path}" could not be written and nothing was kept of it; free some space and repeat.`,
      { path },
      { cause: error },
    )
  if (system.code === 'EACCES' || system.code === 'EPERM' || system.code === 'EROFS') {
    return new VolantError(
      'no-permission',
      `No permission to write "${path}"; choose another folder or change its permissions.`,
      { path },
      { cause: error },
    )
  }
  return new VolantError(
    'write-failed',
    `"${path}" could not be written: ${system.message}`,
    { path },
    { cause: error },
  )
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError'
}
