import { stringify } from 'yaml'
import type { z } from 'zod'
import { inputType, outputType } from '../registry.js'
import { type Spec, trainSettings } from './schema.js'

/**
 * A spec as YAML with every default written out and the words of each setting as a comment; what may be set but is not
 * stands there commented out. `parseSpec` gives the same spec back.
 */
export function specYaml(spec: Spec, notes: readonly string[] = []): string {
  const said = new Set<string>()
  const lines = notes.map((note) => `# ${note.replaceAll('\n', ' ')}`)
  if (lines.length > 0) lines.push('')
  lines.push('# What the model is given.', 'inputs:')
  for (const [name, settings] of Object.entries(spec.inputs)) {
    lines.push(`  ${key(name)}:`, ...settingLines(inputType(settings.type).settings as z.ZodObject, settings, 4, said))
  }
  lines.push('', '# What it says.', 'outputs:')
  for (const [name, settings] of Object.entries(spec.outputs)) {
    lines.push(`  ${key(name)}:`, ...settingLines(outputType(settings.type).settings as z.ZodObject, settings, 4, said))
  }
  lines.push('', 'train:', ...settingLines(trainSettings, spec.train, 2, said))
  return `${lines.join('\n')}\n`
}

/** The words of a setting stand where it comes first. */
function settingLines(
  schema: z.ZodObject,
  settings: Readonly<Record<string, unknown>>,
  indent: number,
  said: Set<string>,
): string[] {
  const margin = ' '.repeat(indent)
  return Object.entries(schema.shape).flatMap(([name, setting]) => {
    const words = wordsOf(setting as z.ZodType)
    const comment = words === undefined || said.has(words) ? [] : [`${margin}# ${words}`]
    if (words !== undefined) said.add(words)
    if (settings[name] === undefined) return [...comment, `${margin}# ${name}:`]
    return [...comment, `${margin}${name}: ${inline(settings[name])}`]
  })
}

/** The description of a setting, which a default or an option may wrap. */
function wordsOf(setting: z.ZodType): string | undefined {
  let inner: z.ZodType | undefined = setting
  while (inner) {
    if (inner.description !== undefined) return inner.description
    inner = (inner.def as { innerType?: z.ZodType }).innerType
  }
  return undefined
}

const inline = (value: unknown) => stringify(value, { collectionStyle: 'flow', lineWidth: 0 }).trim()
const key = (name: string) => inline(name)
