import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readError, VolantError, writeError } from '../errors.js'
import { writeWhole } from '../table/write.js'

/** How the values of a column stand in a part: one type, or `mixed` = text with the kind in front. */
export type StoredKind = 'text' | 'number' | 'boolean' | 'mixed'

export interface PartColumn {
  name: string
  /** The column's name in the Parquet file. */
  stored: string
  kind: StoredKind
}

/** One immutable Parquet file, named by the sha256 of its bytes. */
export interface Part {
  sha256: string
  bytes: number
  rows: number
  columns: PartColumn[]
}

/** An immutable set of rows. Appending makes a new version that shares its parent's parts. */
export interface DatasetVersion {
  format: 'volant-dataset-1'
  /** sha256 of the column names and of every row's hash, in order: the same content has the same id. */
  id: string
  parent: string | null
  rows: number
  columns: string[]
  parts: Part[]
  /** When this version was first written, ISO 8601. */
  createdAt: string
}

export function partPath(folder: string, part: Part): string {
  return join(folder, 'parts', `${part.sha256}.parquet`)
}

function versionPath(folder: string, id: string): string {
  return join(folder, 'versions', `${id}.json`)
}

/** @throws VolantError unknown-version, corrupt-version */
export async function readManifest(folder: string, id: string): Promise<DatasetVersion> {
  const path = versionPath(folder, id)
  if (!/^[0-9a-f]{64}$/.test(id)) throw unknownVersion(folder, id)
  const text = await readFile(path, 'utf8').catch((error: { code?: string }) => {
    throw error.code === 'ENOENT' ? unknownVersion(folder, id) : readError(error, path)
  })
  try {
    const manifest = JSON.parse(text) as DatasetVersion
    if (manifest.format === 'volant-dataset-1' && manifest.id === id) return manifest
  } catch {
    // Falls through to the one sentence for both faults.
  }
  throw new VolantError(
    'corrupt-version',
    `"${path}" is not the description of dataset version ${id}: it is damaged or of another release.`,
    { folder, id },
  )
}

function unknownVersion(folder: string, id: string): VolantError {
  return new VolantError('unknown-version', `There is no dataset version "${id}" in "${folder}".`, { folder, id })
}

export async function hasVersion(folder: string, id: string): Promise<boolean> {
  return readManifest(folder, id).then(
    () => true,
    (error: VolantError) => {
      if (error.code === 'unknown-version') return false
      throw error
    },
  )
}

export async function writeManifest(folder: string, version: DatasetVersion): Promise<void> {
  await mkdir(join(folder, 'versions'), { recursive: true }).catch((error: unknown) => {
    throw writeError(error, folder)
  })
  await writeWhole(versionPath(folder, version.id), (file) => writeFile(file, `${JSON.stringify(version, null, 2)}\n`))
}

/** All versions of a folder, oldest first; none when the folder is not there yet. */
export async function listDatasetVersions(folder: string): Promise<DatasetVersion[]> {
  const names = await readdir(join(folder, 'versions')).catch((error: { code?: string }) => {
    if (error.code === 'ENOENT') return []
    throw readError(error, folder)
  })
  const ids = names.filter((name) => /^[0-9a-f]{64}\.json$/.test(name)).map((name) => name.slice(0, 64))
  const versions = await Promise.all(ids.map((id) => readManifest(folder, id)))
  return versions.sort((a, b) =>
    a.createdAt < b.createdAt ? -1 : a.createdAt > b.createdAt ? 1 : a.id < b.id ? -1 : 1,
  )
}
