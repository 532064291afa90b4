import { writeSync } from 'node:fs'

/** What the shared parts say: pino's loggers fit. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }

/**
 * Takes a logger's lines to stderr. A line that cannot be written, as its disk is full or nobody reads on, is lost and the
 * server goes on: pino's own destination waits for ever on a full disk.
 */
export const toStderr = {
  write(line: string): void {
    try {
      writeSync(2, line)
    } catch {
      // There is nowhere to tell it.
    }
  },
}
