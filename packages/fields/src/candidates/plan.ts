import { VolantError } from '@volant/data'
import { inputType } from '../registry.js'
import type { Spec } from '../spec/schema.js'
import { baseCandidates } from '../train/tuning-names.js'
import type { Candidate, Task } from './candidate.js'
import { linear } from './linear.js'
import { network, networkSeconds } from './network.js'
import { contrastive, probe } from './probe.js'
import { type NetworkName, networkRecipes } from './recipes.js'
import { tuningFor, tuningSeconds } from './tuning.js'

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
export function planCandidates(task: Pick<Task, 'spec' | 'outputs' | 'train' | 'base'>): Plan {
  const { spec, train } = task
  const fixed = spec.train.candidates ?? namedCandidate(spec)
  if (fixed) return planOf(fixed, task, [])
  if (spec.train.base !== undefined) {
    const { name, why } = tuningFor(task)
    return planOf(spec.train.encoder === 'auto' ? [linear.name, name] : [name], task, [why])
  }
  const chosen = new Map([[linear.name, linearSeconds]])
  const tooFewRows: NetworkName[] = []
  const tooMuchWork: string[] = []
  let left = spec.train.timeLimit * usableShare - 2 * linearSeconds
  const notes: string[] = []
  const tryOne = (name: string, title: string, seconds: number): boolean => {
    const work = workOf(name, seconds)
    if (work > left) {
      tooMuchWork.push(`${title} (about ${Math.ceil(work)} s)`)
      return false
    }
    left -= work
    chosen.set(name, seconds)
    return true
  }
  const tryBase = () => {
    if (!task.base) return
    // What nobody asked for has to be cheap: the base is left as it is.
    const title = `${probe.name} on the base ${task.base.description.base.name}`
    tryOne(probe.name, title, candidateSeconds(probe.name, task))
  }
  // By few rows a base knows more than a network can learn; by many the networks come first.
  const isFew = train.rows < networkRecipes.cnn.leastRows
  if (isFew) tryBase()
  for (const name of networksToTry[hasText(spec) ? 'text' : 'table']) {
    if (train.rows < networkRecipes[name].leastRows) {
      tooFewRows.push(name)
      continue
    }
    tryOne(name, name, networkSeconds(name, task))
  }
  if (!isFew) tryBase()
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

/** A candidate is trained to be judged, then again on all rows; the vectors of a probe are made once. */
const workOf = (name: string, seconds: number) => (name === probe.name ? seconds : 2 * seconds)

/** Whether a candidate starts from a pretrained base. */
export const isOnBase = (name: string): boolean => (baseCandidates as readonly string[]).includes(name)

function planOf(
  names: readonly string[],
  task: Pick<Task, 'spec' | 'outputs' | 'train' | 'base'>,
  notes: string[],
): Plan {
  return {
    candidates: names.map(candidateNamed),
    seconds: new Map(names.map((name) => [name, candidateSeconds(name, task)])),
    notes,
  }
}

/** Nominal seconds of training a candidate once. */
function candidateSeconds(name: string, task: Pick<Task, 'spec' | 'outputs' | 'train' | 'base'>): number {
  if (name === linear.name) return linearSeconds
  if (name === probe.name || name === contrastive.name) return tuningSeconds(name, task)
  return networkSeconds(name as NetworkName, task)
}

/** The one candidate that `train.encoder` asks for; undefined for `auto` and what starts from a base. */
function namedCandidate(spec: Spec): string[] | undefined {
  const { encoder, base } = spec.train
  if (encoder === 'auto' || base !== undefined) return undefined
  if (encoder === 'linear' || encoder === 'tfidf') return [linear.name]
  return [hasText(spec) ? encoder : 'table']
}

function hasText(spec: Spec): boolean {
  return Object.values(spec.inputs).some(({ type }) => inputType(type).choosesNetwork)
}

function candidateNamed(name: string): Candidate {
  const simple = [linear, probe, contrastive].find((one) => one.name === name)
  if (simple) return simple
  if (Object.hasOwn(networkRecipes, name)) return network(name as NetworkName)
  const known = [linear.name, probe.name, contrastive.name, ...Object.keys(networkRecipes)].join(', ')
  throw new VolantError('bad-spec', `train.candidates: there is no candidate "${name}"; known are ${known}.`, {
    path: 'train.candidates',
  })
}
