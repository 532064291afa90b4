import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

/** The python that live parity tests run, from the environment; they are skipped without it. */
export const python = process.env['VOLANT_PARITY_PYTHON']

/** Runs python with these arguments and this standard input; returns what it writes. */
export function runPython(args: readonly string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(python!, args, { input, encoding: 'utf8', maxBuffer: 1 << 30 })
  if (status !== 0) throw new Error(stderr)
  return stdout
}

/** Asks a script of this folder, which reads a request and writes an answer as JSON. */
export function askPython<T>(script: string, request: unknown): T {
  return JSON.parse(runPython([fileURLToPath(new URL(script, import.meta.url))], JSON.stringify(request)))
}
