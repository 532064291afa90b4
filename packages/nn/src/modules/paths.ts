import { NnError } from '../errors.js'

/**
 * Whether a dotted path matches a pattern: `*` stands for any characters within one part, `**` for any number of parts
 * (`encoder.**`, `**.bias`, `encoder.layers.*.norm*.gamma`).
 */
export function matchesPath(pattern: string, path: string): boolean {
  // Lists of whole paths, as of what is frozen, are long: half a second for a model of thirty layers as expressions.
  if (!pattern.includes('*')) return pattern === path
  const parts = pattern.split('.').map((part) => {
    if (part === '**') return '(?:[^.]+\\.)*'
    return `${part.split('*').map(escapeText).join('[^.]*')}\\.`
  })
  return new RegExp(`^${parts.join('')}$`).test(`${path}.`)
}

export function matchesAny(patterns: readonly string[], path: string): boolean {
  return patterns.some((pattern) => matchesPath(pattern, path))
}

/** Throws NnError `idle-pattern` for a pattern that matches none of the paths; `setting` says where it was given. */
export function refuseIdle(
  setting: string,
  patterns: readonly string[],
  paths: readonly string[],
  what = 'parameter',
): void {
  const idle = patterns.find((pattern) => !paths.some((path) => matchesPath(pattern, path)))
  if (idle === undefined) return
  const some = paths.slice(0, 20).join(', ')
  throw new NnError('idle-pattern', `${setting}: the pattern "${idle}" matches no ${what}; there are ${some}`, {
    pattern: idle,
    paths,
  })
}

const escapeText = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
