const units: Record<string, number> = { s: 1, m: 60, h: 3600 }

/** Seconds of a duration such as `90`, `"90s"`, `"5m"` or `"1h"`; undefined when it is none. */
export function durationSeconds(text: string | number): number | undefined {
  if (typeof text === 'number') return Number.isFinite(text) && text > 0 ? text : undefined
  const match = /^\s*(\d+(?:\.\d+)?)\s*([smh]?)\s*$/.exec(text)
  if (!match) return undefined
  const seconds = Number(match[1]) * (units[match[2] || 's'] ?? 1)
  return seconds > 0 ? seconds : undefined
}
