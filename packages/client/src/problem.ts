/** An answer of the server that says no: an RFC 9457 problem document, or no answer at all (`status` 0). */
export class VolantProblem extends Error {
  override name = 'VolantProblem'
  constructor(
    /** Stable name of what went wrong, such as `no-champion`; `unreachable` when there was no answer. */
    readonly code: string,
    readonly status: number,
    detail: string,
    readonly document: Record<string, unknown> = {},
    options?: ErrorOptions,
  ) {
    super(detail, options)
  }

  /** Seconds to wait before the next try, where the server said so. */
  get retryAfter(): number | undefined {
    const seconds = this.document['retryAfter']
    return typeof seconds === 'number' ? seconds : undefined
  }
}

/** Reads the problem document of a refused request. */
export async function problemOf(response: Response): Promise<VolantProblem> {
  const text = await response.text()
  let document: Record<string, unknown> = {}
  try {
    const parsed: unknown = JSON.parse(text)
    if (parsed && typeof parsed === 'object') document = parsed as Record<string, unknown>
  } catch {
    // Not ours: a proxy's page, say. The status tells enough.
  }
  const retryAfter = Number(response.headers.get('retry-after'))
  if (retryAfter > 0) document = { ...document, retryAfter }
  const detail =
    document['detail'] ?? document['title'] ?? `the server answered ${response.status} ${response.statusText}`
  return new VolantProblem(
    String(document['code'] ?? `http-${response.status}`),
    response.status,
    String(detail),
    document,
  )
}
