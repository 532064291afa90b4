export type ToChild = { type: 'start'; input: unknown }

export type FromChild =
  | { type: 'progress'; report: unknown }
  | { type: 'result'; value: unknown }
  | { type: 'failed'; error: { message: string; stack?: string; code?: string; details?: Record<string, unknown> } }
