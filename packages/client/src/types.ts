/** What the API sends and takes, as of `/api/v1`. Times are ISO 8601 UTC strings; ids are opaque. */

export type Cell = string | number | boolean | null
export type Row = Record<string, Cell>
export type Value = string | number | boolean
export type Metrics = Record<string, number>
export type Interval = [low: number, high: number]
/** Something for each output of the model. */
export type ByOutput<T> = Record<string, T>

export interface Page<T> {
  items: T[]
  /** Pass as `after` to get the next page; null at the end. */
  next: string | null
}
export interface PageQuery {
  /** 1 to 200, default 50. */
  limit?: number
  after?: string
}

export interface Need {
  forWhom: string
  kpi: string
  baseline?: number
  target?: number
  unit?: string
  worth?: { minutesPerItem: number; costPerHour: number; currency: string; itemsPerMonth?: number }
}
export interface Project {
  id: string
  name: string
  need: Need | null
  spec: SpecDocument | null
  classes: Record<string, string[]> | null
  createdAt: string
  updatedAt: string
}
/** The spec as JSON; a string stands for a field with that type. */
export interface SpecDocument {
  inputs?: Record<string, string | ({ type: string } & Record<string, unknown>)>
  outputs: Record<string, string | ({ type: string } & Record<string, unknown>)>
  train?: Record<string, unknown>
}
export interface NewProject {
  id?: string
  name: string
  need?: Need
  spec?: SpecDocument
  classes?: Record<string, string[]>
}

/** Where the rows come from, whom they are about, and what they may be used for. */
export interface Provenance {
  source?: string
  consent?: string
  time?: string
  timeColumn?: string
  subjectColumn?: string
  sourceColumn?: string
  consentColumn?: string
}
export interface Dataset {
  id: string
  number: number
  sha256: string
  parent: string | null
  origin: 'upload' | 'rows' | 'feedback'
  name: string | null
  rows: number
  added: number
  columns: { name: string; type: string }[]
  labelled: ByOutput<number>
  rejected: { count: number; first: { line: number; column?: string; reason: string; text: string }[] }
  /** Rows equal to a row of the frozen test set: they never train. */
  keptOut: number
  createdAt: string
}
export interface DatasetRow {
  row: number
  values: Row
  source: string
  time: string
  subject: string | null
  consent: string | null
}
export interface TestSet {
  id: string
  rows: number
  sha256: string
  labelled: ByOutput<number>
  origin: 'upload' | 'share'
  createdAt: string
}

export type JobState = 'waiting' | 'running' | 'done' | 'failed' | 'cancelled'
export interface Run {
  id: string
  state: JobState
  reason: string | null
  progress: { share: number | null; stage: string | null; secondsLeft: number | null }
  dataset: string
  spec: SpecDocument | null
  version: string | null
  attempt: number
  createdAt: string
  startedAt: string | null
  endedAt: string | null
}
export interface NewRun {
  dataset?: string
  spec?: SpecDocument
  outputs?: string[]
  inputs?: string[]
  seed?: number
  timeLimit?: string
  encoder?: string
  base?: string
  note?: string
}
export interface Coverage {
  precision: number
  /** Share of the rows (0 to 1) that can be answered alone at `precision`. */
  share: number
  threshold: number
  reached: number
}
export interface Evaluation {
  version: string
  testSet: string
  rows: number
  metrics: ByOutput<Metrics>
  intervals: ByOutput<Record<string, Interval>>
  primary: ByOutput<string>
  coverage: ByOutput<Coverage | null>
  createdAt: string
}
export interface ModelVersion {
  id: string
  number: number
  run: string
  dataset: string
  parent: string | null
  spec: SpecDocument
  metrics: unknown
  intervals: unknown
  evaluation: Evaluation | null
  chosen: unknown
  seconds: number
  parameters: number
  createdAt: string
  /** Endpoints on which this version answers. */
  live: string[]
}
export interface Endpoint {
  name: string
  champion: string
  challenger: { version: string; share: number } | null
  shadow: string | null
  previous: string[]
  updatedAt: string
}
export interface NewEndpoint {
  champion: string
  challenger?: { version: string; share: number } | null
  shadow?: string | null
}

export interface OutputPrediction {
  value: Value
  /** Probability of `value`, 0 to 1. */
  probability?: number
  probabilities?: Record<string, number>
}
export interface RowPrediction {
  id: string
  version: string
  outputs: ByOutput<OutputPrediction>
}
export interface RowError {
  error: { row: number; message: string }
}
export interface PredictRequest {
  rows: Row[]
  endpoint?: string
  subject?: string
  at?: string
}
export interface StoredPrediction extends RowPrediction {
  endpoint: string
  role: 'champion' | 'challenger' | 'shadow'
  channel: string
  subject: string | null
  at: string
  /** E-mail addresses and phone numbers are masked. */
  inputs: Row
  feedback?: StoredFeedback[]
}
export interface FormField {
  name: string
  type: string
  classes?: string[]
  example?: Cell
  positive?: string
}
export interface Form {
  version: string | null
  inputs: FormField[]
  outputs: FormField[]
}

export type FeedbackKind = 'label' | 'rating' | 'click' | 'conversion' | 'edit' | 'comment'
export interface Feedback {
  /** Made by the client: sending it again is harmless. */
  id: string
  predictionId: string
  output?: string
  kind: FeedbackKind
  value: Value
  at?: string
  subject?: string
}
export interface StoredFeedback extends Feedback {
  receivedAt: string
  channel: string
}
export interface FeedbackAnswer {
  id: string
  duplicate: boolean
}
export interface FeedbackAnswers {
  /** In the order of the items; a refused one has its place in the list, from 0, and why. */
  results: (FeedbackAnswer | { index: number; id: string | null; error: { code: string; message: string } })[]
  accepted: number
  duplicates: number
  refused: number
}
export interface Question {
  predictionId: string
  inputs: Row
  outputs: ByOutput<OutputPrediction>
  /** The output whose right value is asked for. */
  output: string
  uncertainty: number
  channel: string
  at: string
}
export interface Questions {
  version: string
  strategy: QuestionStrategy
  pool: number
  questions: Question[]
}
export type QuestionStrategy = 'diverse' | 'uncertain' | 'random'
export interface Difference {
  metric: string
  champion: number
  candidate: number
  difference: number
  interval: Interval
  weight: number
}
export interface MeasuredMetric {
  metric: string
  value: number
  interval: Interval
}
export interface Iteration {
  id: string
  number: number
  state: JobState
  reason: string | null
  run: string | null
  dataset: string | null
  champion: string | null
  candidate: string | null
  decision: 'promoted' | 'kept' | 'set-aside' | 'first' | null
  labels: { new: number; used: number; rows: number; disagreements: number }
  gate: { rows: number; outputs: ByOutput<Difference>; difference: number; interval: Interval } | null
  accuracy: ByOutput<MeasuredMetric> | null
  /** Why the gate decided so, in plain words. */
  explanation: { code: string; params: Record<string, unknown>; en: string; zh: string } | null
  createdAt: string
  endedAt: string | null
}
export interface CurvePoint {
  iteration: number
  version: string
  labels: number
  feedbackLabels: number
  outputs: ByOutput<MeasuredMetric>
  decision: Iteration['decision']
  at: string
}
export interface Summary {
  project: Project
  stages: {
    needs: { kpi: string; baseline?: number | null; target?: number | null } | null
    collect: { datasets: number; rows: number; labelled: ByOutput<number> }
    prepare: { testRows: number; keptOut: number } | null
    train: { runs: number; running: Run | null }
    evaluate: { version: string; primary: ByOutput<MeasuredMetric> } | null
    deploy: Endpoint | null
    serve: { predictions: number; predictionsLastHour: number; errors: number }
    improve: {
      feedback: number
      labels: number
      waiting: number
      setAside: number
      disagreements: number
      iterations: number
      running: Iteration | null
    }
  }
  curve: CurvePoint[]
  value: {
    output: string
    precision: number
    share: number
    threshold: number
    perItem: { minutes: number; money: number; currency: string } | null
    perMonth: { items: number; minutes: number; money: number; currency: string } | null
    assumptions: string[]
  } | null
  channels: ChannelSummary[]
}
export interface ChannelSummary {
  name: string
  predictions: number
  /** Predictions sure enough to act on alone. */
  alone: number
  share: number
  minutes: number | null
  money: number | null
  labelled: number
  accuracy: number | null
}
export interface Usage {
  channel: string
  version: string
  day: string
  predictions: number
  errors: number
  feedback: number
}
export interface ChannelUse {
  name: string
  keys: number
  predictions: number
  feedback: number
  labels: number
  lastUsedAt: string | null
}

/** How a model reaches its users; the quota counts predictions of a UTC day or month. */
export interface Channel {
  name: string
  kind: string
  plan: string | null
  quota: Quota | null
  createdAt: string
  updatedAt: string
}
export interface Quota {
  predictions: number
  per: 'day' | 'month'
}
export interface ChannelSettings {
  /** `api`, `widget`, `partner`, …: free words. */
  kind?: string
  plan?: string | null
  quota?: Quota | null
}

export type Scope = 'predict' | 'feedback' | 'read' | 'write' | 'admin'
export interface NewKey {
  name: string
  channel: string
  scopes: Scope[]
  project?: string
}
export interface Key {
  id: string
  name: string
  channel: string
  project: string | null
  scopes: Scope[]
  prefix: string
  createdAt: string
  lastUsedAt: string | null
  revokedAt: string | null
}
export interface Me {
  channel: string
  scopes: Scope[]
  project: string | null
  owner: boolean
}
export interface LoopEvent {
  kind: 'run' | 'dataset' | 'endpoint' | 'iteration' | 'feedback' | 'predictions' | 'test-set'
  at: string
  id?: string
  state?: string
  progress?: Run['progress']
  count?: number
}
