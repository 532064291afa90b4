import type { VersionPlace } from '../collect/index.js'
import type { Scored } from '../evaluate/index.js'
import type { ModelVersion } from './schema.js'
import type { Report } from './store.js'

/** What the child process of a run is given. */
export interface Training {
  dataset: VersionPlace
  test: VersionPlace
  /** The described spec; without inputs they are inferred. */
  spec: Record<string, unknown> | null
  inputs: string[] | undefined
  outputs: string[]
  /** Settings of this run alone: seed, timeLimit, encoder. */
  settings: Record<string, unknown>
  /** Folder to write the model to, and file to write the scores to. */
  out: string
  scores: string
  threads: number
  lineage: Record<string, unknown>
}

/** What it gives back. */
export interface Trained {
  spec: object
  scored: Scored
  report: Report
  trainedOn: ModelVersion['trainedOn']
}
