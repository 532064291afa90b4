/**
 * A refusal of this package: `code` is kebab-case and stable, `details` holds what was found and what was expected.
 * The message is one sentence that names the thing.
 */
export class ModelsError extends Error {
  readonly code: string
  readonly details: Record<string, unknown>

  constructor(code: string, message: string, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ModelsError'
    this.code = code
    this.details = details
  }
}
