/**
 * Whether a dotted path matches a pattern: `*` stands for any characters within one part, `**` for any number of parts
 * (`encoder.**`, `**.bias`, `encoder.layers.*.norm*.gamma`).
 */
export function matchesPath(pattern: string, path: string): boolean {
  const parts = pattern.split('.').map((part) => {
    if (part === '**') return '(?:[^.]+\\.)*'
    return `${part.split('*').map(escapeText).join('[^.]*')}\\.`
  })
  return new RegExp(`^${parts.join('')}$`).test(`${path}.`)
}

export function matchesAny(patterns: readonly string[], path: string): boolean {
  return patterns.some((pattern) => matchesPath(pattern, path))
}

const escapeText = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
