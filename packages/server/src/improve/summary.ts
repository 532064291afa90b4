import { type Kysely, sql } from 'kysely'
import type { Channels, UsageOfDay } from '../channels/index.js'
import { type Datasets, fieldsOf } from '../collect/index.js'
import type { Endpoint, Endpoints } from '../deploy/index.js'
import { ALONE, type Evaluation, type Evaluations, primaryOf } from '../evaluate/index.js'
import type { Need, Project } from '../needs/index.js'
import type { TestSets } from '../prepare/index.js'
import { type Journal, newId, type Store, type Tables } from '../store/index.js'
import type { Runs, Versions } from '../train/index.js'
import { view } from './iterations.js'
import type { Iteration, Summary } from './schema.js'
import { countFeedback, listIterations } from './store.js'

/** Iterations shown on the curve. */
const SHOWN = 200

interface Parts {
  store: Store
  journal: Journal
  channels: Channels
  datasets: Datasets
  testSets: TestSets
  runs: Runs
  versions: Versions
  evaluations: Evaluations
  endpoints: Endpoints
}

/** The whole loop of a project in figures: stages, accuracy by iteration, what it is worth, channels. */
export class Summaries {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  async of(project: Project): Promise<Summary> {
    const { store, journal, channels, endpoints, evaluations, runs, testSets, datasets } = this.#parts
    await journal.flush()
    const endpoint = await endpoints.main(project.id)
    const evaluation = endpoint && (await evaluations.of(endpoint.champion))
    const iterations = (await listIterations(store.db, project.id, SHOWN, 2 ** 31 - 1)).map(view)
    const value = worthOf(project, evaluation)
    const testSet = await testSets.find(project)
    const newest = (await datasets.list(project, { limit: 1 })).items[0]
    const used = await channels.used({ project: project.id })
    const feedback = await countFeedback(store.db, project.id)
    return {
      project,
      stages: {
        needs: project.need && {
          kpi: project.need.kpi,
          baseline: project.need.baseline ?? null,
          target: project.need.target ?? null,
        },
        collect: { datasets: newest?.number ?? 0, rows: newest?.rows ?? 0, labelled: newest?.labelled ?? {} },
        prepare: testSet && { testRows: testSet.rows, keptOut: newest?.keptOut ?? 0 },
        train: await runs.count(project.id),
        evaluate: evaluation && { version: evaluation.version, primary: primaryOf(evaluation) },
        deploy: endpoint,
        serve: await this.#served(project.id, used),
        improve: {
          ...feedback,
          iterations: iterations[0]?.number ?? 0,
          running: iterations.find(({ state }) => state === 'waiting' || state === 'running') ?? null,
        },
      },
      curve: await this.#curve(project.id, endpoint, iterations),
      value,
      channels: await channelFigures(store.db, project.id, used, project.need, value),
    }
  }

  async #served(project: string, used: UsageOfDay[]): Promise<Summary['stages']['serve']> {
    // Ids begin with their time.
    const hourAgo = newId(Date.now() - 3_600_000).slice(0, 10)
    const { rows } = await sql<{ count: string }>`
      select count(*) as count from predictions
      where project = ${project} and id >= ${hourAgo} and role <> 'shadow'`.execute(this.#parts.store.db)
    const sum = (of: 'predictions' | 'errors') => used.reduce((total, one) => total + one[of], 0)
    return { predictions: sum('predictions'), predictionsLastHour: Number(rows[0]!.count), errors: sum('errors') }
  }

  /** Point 0 is the first champion; then one point for each iteration that came to a decision. */
  async #curve(project: string, endpoint: Endpoint | null, iterations: Iteration[]): Promise<Summary['curve']> {
    const { evaluations, versions } = this.#parts
    const done = iterations.filter(({ decision }) => decision !== null).reverse()
    const points: Summary['curve'] = []
    const start =
      done.find(({ champion }) => champion !== null)?.champion ?? (done.length === 0 ? endpoint?.champion : undefined)
    const cold = start === undefined || start === null ? null : await evaluations.of(start)
    if (cold) {
      const version = await versions.get(project, cold.version, new Map())
      const { rows, feedback } = version.trainedOn
      points.push({
        iteration: 0,
        version: cold.version,
        labels: rows,
        feedbackLabels: feedback,
        outputs: primaryOf(cold),
        decision: null,
        at: version.createdAt,
      })
    }
    for (const { number, candidate, champion, decision, labels, accuracy, endedAt, createdAt } of done) {
      const version = decision === 'promoted' || decision === 'first' ? candidate! : champion!
      const at = endedAt ?? createdAt
      points.push({
        iteration: number,
        version,
        labels: labels.rows,
        feedbackLabels: labels.used,
        outputs: accuracy ?? {},
        decision,
        at,
      })
    }
    return points
  }
}

/** What the champion may answer alone on the frozen test set, and what that saves under the need's assumptions. */
function worthOf(project: Project, evaluation: Evaluation | null): Summary['value'] {
  const outputs = Object.keys(fieldsOf(project, 'outputs'))
  const output = outputs.find((name) => evaluation?.coverage[name])
  const coverage = output === undefined ? undefined : evaluation?.coverage[output]
  if (output === undefined || !coverage) return null
  const { share, threshold } = coverage
  const worth = project.need?.worth
  const assumptions = [
    `A row is answered alone when the probability of "${output}" is at least ${threshold.toFixed(3)}; on the frozen test set ${(coverage.reached * 100).toFixed(1)} % of those are right.`,
  ]
  if (!worth) return { output, precision: ALONE, share, threshold, perItem: null, perMonth: null, assumptions }
  const { minutesPerItem: minutes, costPerHour, currency, itemsPerMonth } = worth
  assumptions.push(`An item answered alone saves ${minutes} minutes of work at ${costPerHour} ${currency} an hour.`)
  const perItem = { minutes, money: (minutes / 60) * costPerHour, currency }
  if (itemsPerMonth === undefined)
    return { output, precision: ALONE, share, threshold, perItem, perMonth: null, assumptions }
  assumptions.push(`${itemsPerMonth} items arrive a month, of the same kind as those of the test set.`)
  const items = itemsPerMonth * share
  const perMonth = { items, minutes: items * minutes, money: items * perItem.money, currency }
  return { output, precision: ALONE, share, threshold, perItem, perMonth, assumptions }
}

async function channelFigures(
  db: Kysely<Tables>,
  project: string,
  used: UsageOfDay[],
  need: Need | null,
  value: Summary['value'],
): Promise<Summary['channels']> {
  const alone = value ? await aloneByChannel(db, project, value.threshold) : new Map<string, number>()
  const labelled = value
    ? await rightByChannel(db, project, value.output)
    : new Map<string, { labelled: number; right: number }>()
  const predictions = new Map<string, number>()
  for (const one of used) predictions.set(one.channel, (predictions.get(one.channel) ?? 0) + one.predictions)
  return [...predictions].sort().map(([name, count]) => {
    const sure = alone.get(name) ?? 0
    const minutes = need?.worth ? sure * need.worth.minutesPerItem : null
    const checked = labelled.get(name)
    return {
      ...{ name, predictions: count, alone: sure, minutes, labelled: checked?.labelled ?? 0 },
      share: count === 0 ? 0 : sure / count,
      money: minutes === null ? null : (minutes / 60) * need!.worth!.costPerHour,
      accuracy: checked ? checked.right / checked.labelled : null,
    }
  })
}

/** Predictions sure enough to act on alone, per channel. */
async function aloneByChannel(db: Kysely<Tables>, project: string, threshold: number): Promise<Map<string, number>> {
  const { rows } = await sql<{ channel: string; count: string }>`
    select channel, count(*) as count from predictions
    where project = ${project} and role <> 'shadow' and confidence >= ${threshold} group by channel`.execute(db)
  return new Map(rows.map(({ channel, count }) => [channel, Number(count)]))
}

/** How many predictions of a channel have a label for the output, and how many of those were right. */
async function rightByChannel(db: Kysely<Tables>, project: string, output: string) {
  const { rows } = await sql<{ channel: string; labelled: string; right: string }>`
    select p.channel, count(*) as labelled,
      count(*) filter (where l.value #>> '{}' = p.outputs -> ${output}::text ->> 'value') as right
    from (
      select distinct on (f.prediction) f.prediction, f.value from feedback f
      where f.project = ${project} and f.kind = 'label' and f.output = ${output}
        and not exists (select 1 from iterations i where i.id = f.iteration and i.decision = 'set-aside' and not i.released)
      order by f.prediction, f.at desc, f.received_at desc, f.key desc
    ) l join predictions p on p.id = l.prediction
    where p.role <> 'shadow' group by p.channel`.execute(db)
  return new Map(
    rows.map(({ channel, labelled, right }) => [channel, { labelled: Number(labelled), right: Number(right) }]),
  )
}
