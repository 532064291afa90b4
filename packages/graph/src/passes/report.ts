/** One place a pass looked at: what it did there, or why it did not apply. */
export interface Place {
  /** Node or parameter, by its path in the model. */
  readonly at: string
  readonly op: string
  readonly applied: boolean
  readonly what: string
}

/** What a pass did, place by place. */
export interface PassReport {
  readonly pass: string
  readonly places: readonly Place[]
  /** Ops beyond the ONNX standard that the result needs, e.g. `com.microsoft.MatMulNBits`. A model card names them. */
  readonly customOps: readonly string[]
}

/** A report as text, one line a place; equal lines that follow each other are counted. */
export function printReport({ pass, places, customOps }: PassReport): string {
  const lines: { text: string; count: number }[] = []
  for (const { at, op, applied, what } of places) {
    const text = `${applied ? '+' : '-'} ${op} ${at}: ${what}`
    const last = lines.at(-1)
    if (last?.text === text) last.count++
    else lines.push({ text, count: 1 })
  }
  const applied = places.filter((place) => place.applied).length
  return [
    `${pass}: applied ${applied} times, ${places.length - applied} times not`,
    ...(customOps.length > 0 ? [`needs ${customOps.join(', ')}`] : []),
    ...lines.map(({ text, count }) => (count > 1 ? `${text} (${count} times)` : text)),
    '',
  ].join('\n')
}
