import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** The built page that the server shows at `/`: beside the program when it is published, in the workspace otherwise. */
export function consoleFolder(): string | undefined {
  const folders = ['../page', '../../console/dist'].map((place) => fileURLToPath(new URL(place, import.meta.url)))
  return folders.find((folder) => existsSync(path.join(folder, 'index.html')))
}
