import { readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'

/** A text in UTF-8, unpacked where the name ends in .gz. */
export function readText(file: string): string {
  const bytes = readFileSync(file)
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString('utf8')
}

/** The lines of a .jsonl or .jsonl.gz file. */
export const readJsonLines = <T>(file: string): T[] =>
  readText(file)
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as T)
