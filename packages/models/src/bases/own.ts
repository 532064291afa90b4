import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const folder = fileURLToPath(new URL('../../bases', import.meta.url))

/** Names of the bases that come with this program. */
const names = ['english']

/** The folder of a base that comes with this program; undefined for other names. */
export function ownBase(name: string): string | undefined {
  return names.includes(name) && existsSync(`${folder}/${name}`) ? `${folder}/${name}` : undefined
}

/** The bases that come with this program: name and folder, in the order in which they are tried. */
export function ownBases(): [name: string, folder: string][] {
  return names.flatMap((name): [string, string][] => {
    const own = ownBase(name)
    return own === undefined ? [] : [[name, own]]
  })
}
