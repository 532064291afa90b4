/** What the shared parts say: pino's loggers fit. */
export interface Log {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export const silent: Log = { info: () => {}, warn: () => {}, error: () => {} }
