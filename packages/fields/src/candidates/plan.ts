import { VolantError } from '@volant/data'
import { inputType } from '../registry.js'
import type { Spec } from '../spec/schema.js'
import type { Dataset } from '../train/dataset.js'
import type { FittedOutput } from '../train/outputs.js'
import type { Candidate } from './candidate.js'
import { linear } from './linear.js'
import { network, networkSeconds } from './network.js'
import { type NetworkName, networkRecipes } from './recipes.js'

export interface Plan {
  /** What competes, in the order it is trained. */
  readonly candidates: readonly Candidate[]
  /** Nominal seconds of training each of them once. */
  readonly seconds: ReadonlyMap<string, number>
  /** Why some were not tried, one sentence each. */
  readonly notes: readonly string[]
}

/** Networks for inputs with and without text, the most promising for their time first. */
const networksToTry: Record<'text' | 'table', readonly NetworkName[]> = {
  text: ['cnn', 'bag', 'transformer'],
  table: ['table'],
}
/** Machines differ; a plan of this share of the limit stays within it on slower ones. */
const usableShare = 0.5
/** The linear model alone takes about this long. */
const linearSeconds = 4

/**
 * What to train for a spec: the one that `train.encoder` names, those that an earlier training compared, or for `auto` the
 * linear model and what the time limit allows. Work is counted, not timed, so that the same spec and rows give the same plan.
 */
export function planCandidates(spec: Spec, outputs: readonly FittedOutput[], train: Dataset): Plan {
  const seconds = (name: string) =>
    name === linear.name ? linearSeconds : networkSeconds(name as NetworkName, spec, outputs, train)
  const fixed = spec.train.candidates ?? namedCandidate(spec)
  if (fixed)
    return {
      candidates: fixed.map(candidateNamed),
      seconds: new Map(fixed.map((name) => [name, seconds(name)])),
      notes: [],
    }
  const chosen = new Map([[linear.name, linearSeconds]])
  const tooFewRows: NetworkName[] = []
  const tooMuchWork: string[] = []
  // Each may be trained twice: to be judged, then again on all rows.
  let left = spec.train.timeLimit * usableShare - 2 * linearSeconds
  for (const name of networksToTry[hasText(spec) ? 'text' : 'table']) {
    if (train.rows < networkRecipes[name].leastRows) {
      tooFewRows.push(name)
      continue
    }
    const cost = 2 * seconds(name)
    if (cost > left) {
      tooMuchWork.push(`${name} (about ${Math.ceil(cost)} s)`)
      continue
    }
    left -= cost
    chosen.set(name, cost / 2)
  }
  const notes: string[] = []
  if (tooFewRows.length > 0) {
    const least = Math.min(...tooFewRows.map((name) => networkRecipes[name].leastRows))
    notes.push(
      `Not tried, as ${train.rows} training rows are fewer than the ${least} they need: ${tooFewRows.join(', ')}.`,
    )
  }
  if (tooMuchWork.length > 0) {
    notes.push(
      `Not tried, as the work does not fit in the time limit of ${spec.train.timeLimit} s beside the others: ${tooMuchWork.join(', ')}.`,
    )
  }
  return { candidates: [...chosen.keys()].map(candidateNamed), seconds: chosen, notes }
}

/** The one candidate that `train.encoder` asks for; undefined for `auto`. */
function namedCandidate(spec: Spec): string[] | undefined {
  const { encoder } = spec.train
  if (encoder === 'auto') return undefined
  if (encoder === 'linear' || encoder === 'tfidf') return [linear.name]
  return [hasText(spec) ? encoder : 'table']
}

function hasText(spec: Spec): boolean {
  return Object.values(spec.inputs).some(({ type }) => inputType(type).choosesNetwork)
}

function candidateNamed(name: string): Candidate {
  if (name === linear.name) return linear
  if (Object.hasOwn(networkRecipes, name)) return network(name as NetworkName)
  const known = [linear.name, ...Object.keys(networkRecipes)].join(', ')
  throw new VolantError('bad-spec', `train.candidates: there is no candidate "${name}"; known are ${known}.`, {
    path: 'train.candidates',
  })
}
