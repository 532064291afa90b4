import { split } from '@volant/data'
import type { BaseModel, PretrainedEncoder } from '@volant/models'
import type { ProcessGroup } from '@volant/nn'
import type { Candidate, Task, TrainedCandidate } from '../candidates/candidate.js'
import { linear } from '../candidates/linear.js'
import { isOnBase, type Plan, planCandidates } from '../candidates/plan.js'
import type { Spec } from '../spec/schema.js'
import { blendedAnswers, type Choice, choose, type Judged, type Part, type Share } from './choose.js'
import { type Dataset, pick } from './dataset.js'
import type { Progress, TrainPhase } from './events.js'
import type { Answers } from './measure.js'
import { chooseWithOffer, isPerfect } from './offer.js'
import type { FittedOutput } from './outputs.js'
import { type Parts, refitRows } from './parts.js'

export interface SearchInput {
  readonly spec: Spec
  readonly outputs: readonly FittedOutput[]
  readonly parts: Parts
  /** What `train.base` names, or one of our own that is offered where it names none. */
  readonly base?: PretrainedEncoder
  readonly signal?: AbortSignal
  readonly progress: Progress
  readonly threads?: number
  readonly checkpoints?: string
  readonly parallel?: ProcessGroup
}

export interface Search {
  /** Its candidates are those that a training of the saved spec compares again. */
  readonly plan: Plan
  /** The base that the choice starts from. */
  readonly base?: BaseModel
  /** Every candidate that competed, with its part in the choice. */
  readonly shares: readonly Share[]
  readonly blend: Choice['blend']
  readonly linearShare: Share
  readonly trained: ReadonlyMap<string, TrainedCandidate>
  /** Raw scores on the validation rows by candidate; null when there are none. */
  readonly validRaw: ReadonlyMap<string, Judged['raw']> | null
}

/** Fewer validation rows than this say too little: the linear model is then judged by rows held out in turn. */
const enoughToJudge = 100
/** By fewer a base that nobody asked for is not compared with the linear model: a lucky row would decide. */
const enoughToCompare = 30
const folds = 5

/** Trains the baseline and the planned candidates on the training rows and chooses by rows they have not seen. */
export async function searchCandidates(input: SearchInput): Promise<Search> {
  const { spec, outputs, parts, progress } = input
  const plan = onlyJudged(planCandidates({ spec, outputs, train: parts.train, base: input.base }), parts.valid)
  for (const note of plan.notes) progress.note(note)
  const networks = plan.candidates.filter(({ name }) => name !== linear.name)
  progress.plan(plannedWork(plan, spec))
  const trained = new Map<string, TrainedCandidate>()
  const validRaw = new Map<string, Judged['raw']>()
  const isOffered = spec.train.base === undefined && input.base !== undefined
  /** An offer is not looked at where too few rows could tell, or nothing is left to gain. */
  const isNeedless = (name: string) =>
    isOffered &&
    isOnBase(name) &&
    (parts.valid.rows < enoughToCompare ||
      isPerfect(outputs, { name: linear.name, raw: validRaw.get(linear.name)! }, parts.valid))
  for (const [place, candidate] of [linear, ...networks].entries()) {
    if (isNeedless(candidate.name)) continue
    progress.enter(
      candidate === linear ? 'baselines' : 'search',
      `Training ${candidate.name} on ${parts.train.rows} rows`,
      candidate === linear ? undefined : { part: place - 1, of: networks.map(({ name }) => plan.seconds.get(name)!) },
    )
    const result = await candidate.train(taskFor(input, candidate, parts.train, parts.valid))
    trained.set(candidate.name, result)
    if (parts.valid.rows > 0) validRaw.set(candidate.name, await result.raw(parts.valid))
  }
  progress.enter('choose', 'Choosing by validation')
  const names = plan.candidates.map(({ name }) => name).filter((name) => trained.has(name))
  const judged = await judge(input, names, validRaw)
  const { shares, blend, keepsBase } = isOffered
    ? chooseWithOffer(outputs, judged.candidates, judged.rows, isOnBase)
    : { ...choose(outputs, judged.candidates, judged.rows), keepsBase: spec.train.base !== undefined }
  const linearShare = await alone(input, validRaw)
  return {
    plan: keepsBase ? plan : { ...plan, candidates: plan.candidates.filter(({ name }) => !isOnBase(name)) },
    base: shares.some(usesBase) ? input.base!.description.base : undefined,
    shares,
    blend,
    linearShare,
    trained,
    validRaw: parts.valid.rows > 0 ? validRaw : null,
  }
}

const usesBase = ({ candidate, weights }: Share) =>
  isOnBase(candidate) && Object.values(weights).some((weight) => weight > 0)

/** Without validation rows no network can be compared with the linear model, which is judged by rows held out in turn. */
function onlyJudged(plan: Plan, valid: Dataset): Plan {
  const names = plan.candidates.map(({ name }) => name)
  if (valid.rows > 0 || names.length === 1 || !names.includes(linear.name)) return plan
  const others = names.filter((name) => name !== linear.name).join(', ')
  return {
    candidates: [linear],
    seconds: new Map([[linear.name, plan.seconds.get(linear.name)!]]),
    notes: [...plan.notes, `Not tried, as no validation rows are there to compare by: ${others}.`],
  }
}

/** Nominal seconds by phase. */
function plannedWork({ seconds }: Plan, spec: Spec): Partial<Record<TrainPhase, number>> {
  const all = [...seconds.values()].reduce((sum, each) => sum + each, 0)
  const baseline = seconds.get(linear.name) ?? 4
  const search = all - (seconds.get(linear.name) ?? 0)
  return {
    read: 1,
    baselines: baseline,
    search,
    choose: 1,
    refit: spec.train.refit ? baseline + search : 0,
    evaluate: 2,
  }
}

/** The linear model as a whole answer. */
async function alone(input: SearchInput, validRaw: ReadonlyMap<string, Judged['raw']>): Promise<Share> {
  const judged = await judge(input, [linear.name], validRaw)
  return choose(input.outputs, judged.candidates, judged.rows).shares[0]!
}

/**
 * Scores on rows that were not learnt from: the validation rows or, where these are few, training rows held out in turn.
 * A network that was asked for by name ships unjudged where there are no validation rows.
 */
async function judge(
  input: SearchInput,
  names: readonly string[],
  validRaw: ReadonlyMap<string, Judged['raw']>,
): Promise<{ candidates: Judged[]; rows: Dataset }> {
  const { valid } = input.parts
  if (valid.rows < enoughToJudge && names.length === 1 && names[0] === linear.name) return heldOutInTurn(input)
  const noScores = Object.fromEntries(input.outputs.map(({ name }) => [name, new Float32Array(0)]))
  return { candidates: names.map((name) => ({ name, raw: validRaw.get(name) ?? noScores })), rows: valid }
}

/** Linear models, each trained without one fold, score the fold they have not seen. */
async function heldOutInTurn(input: SearchInput): Promise<{ candidates: Judged[]; rows: Dataset }> {
  const rows = refitRows(input.parts)
  const scores = Object.fromEntries(
    input.outputs.map(({ name, type, state }) => [name, new Float32Array(rows.rows * type.decoder.width(state))]),
  )
  for (const fold of foldsOf(rows, input.spec.train.seed)) {
    const held = new Set(fold)
    const rest = Array.from({ length: rows.rows }, (_, row) => row).filter((row) => !held.has(row))
    const model = await linear.train(taskFor(input, linear, pick(rows, rest), pick(rows, [])))
    const raw = await model.raw(pick(rows, fold))
    for (const { name, type, state } of input.outputs) {
      const width = type.decoder.width(state)
      fold.forEach((row, place) => {
        scores[name]!.set(raw[name]!.subarray(place * width, (place + 1) * width), row * width)
      })
    }
  }
  return { candidates: [{ name: linear.name, raw: scores }], rows }
}

function foldsOf(data: Dataset, seed: number): number[][] {
  const places: number[][] = []
  let rest = Array.from({ length: data.rows }, (_, row) => row)
  for (let left = Math.min(folds, data.rows); left > 1; left--) {
    const some = pick(data, rest)
    const stratify = Object.values(some.labels) as (string | null)[][]
    const parts = split(rest.length, { ratios: [left - 1, 1, 0], seed: seed + left, stratify, groups: some.keys })
    places.push(parts.valid.map((at) => rest[at]!))
    rest = parts.train.map((at) => rest[at]!)
  }
  return [...places, rest].filter((fold) => fold.length > 0)
}

/** The kept candidates trained on train + valid with the settings that were found; `refit: false` keeps them as they are. */
export async function trainAgain(
  search: Search,
  input: SearchInput,
): Promise<{ parts: Part[]; linear: TrainedCandidate; linearShare: Share; linearTest: Answers | null }> {
  const { spec, outputs, parts, progress } = input
  const kept = search.shares.filter(({ weights }) => Object.values(weights).some((weight) => weight > 0))
  const refit = spec.train.refit && parts.valid.rows > 0
  const rows = refitRows(parts)
  const wanted = [linear, ...search.plan.candidates.filter(({ name }) => name !== linear.name)].filter(
    ({ name }) => name === linear.name || kept.some((share) => share.candidate === name),
  )
  const again = new Map<string, TrainedCandidate>()
  const seconds = wanted.map(({ name }) => search.plan.seconds.get(name) ?? 4)
  if (refit) progress.plan({ refit: seconds.reduce((sum, each) => sum + each, 0) })
  for (const [place, candidate] of wanted.entries()) {
    const before = search.trained.get(candidate.name)!
    if (!refit) {
      again.set(candidate.name, before)
      continue
    }
    progress.enter('refit', `Training ${candidate.name} again on ${rows.rows} rows`, { part: place, of: seconds })
    const task = taskFor(input, candidate, rows, pick(rows, []))
    again.set(candidate.name, await candidate.train({ ...task, found: before.found }))
  }
  const linearModel = again.get(linear.name)!
  const linearRaw = parts.test ? await linearModel.raw(parts.test) : null
  return {
    parts: kept.map(({ candidate, weights, calibration }) => ({
      candidate: again.get(candidate)!,
      weights,
      calibration,
    })),
    linear: linearModel,
    linearShare: search.linearShare,
    linearTest: linearRaw && blendedAnswers(outputs, [{ ...search.linearShare, raw: linearRaw }], {}),
  }
}

function taskFor(input: SearchInput, candidate: Candidate, train: Dataset, valid: Dataset): Task {
  return {
    spec: input.spec,
    outputs: input.outputs,
    train,
    valid,
    signal: input.signal,
    threads: input.threads,
    base: input.base,
    checkpoints: input.checkpoints,
    parallel: input.parallel,
    onProgress: ({ fraction, point }) => {
      if (fraction !== undefined) input.progress.advance(fraction, candidate.name)
      if (point) input.progress.metric({ candidate: candidate.name, ...point })
    },
  }
}
