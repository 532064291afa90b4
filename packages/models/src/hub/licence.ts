import { readFile } from 'node:fs/promises'
import { join } from 'node:path'

/** `license:` in the front matter of the model card; the name of its own where it is `other`. */
export async function readLicence(folder: string): Promise<string | null> {
  const card = await readFile(join(folder, 'README.md'), 'utf8').catch(() => '')
  const matter = /^\uFEFF?---\r?\n([\s\S]*?)\r?\n---/.exec(card)?.[1] ?? ''
  const field = (name: string) => new RegExp(`^${name}:[ \\t]*["']?([^\\r\\n"']+)`, 'm').exec(matter)?.[1]?.trim()
  const licence = field('license') ?? null
  return licence === 'other' ? (field('license_name') ?? licence) : licence
}
