import { type Kysely, sql } from 'kysely'
import type { Channels } from '../channels/index.js'
import { type Datasets, fieldsOf } from '../collect/index.js'
import type { Endpoint, Endpoints } from '../deploy/index.js'
import { ALONE, type Evaluation, type Evaluations, primaryOf } from '../evaluate/index.js'
import type { Need, Project } from '../needs/index.js'
import type { TestSets } from '../prepare/index.js'
import type { Journal, Store, Tables } from '../store/index.js'
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
    const { store, journal, endpoints, evaluations, runs, testSets, datasets } = this.#parts
    await journal.flush()
    const endpoint = await endpoints.main(project.id)
    const evaluation = endpoint && (await evaluations.of(endpoint.champion))
    const iterations = (await listIterations(store.db, project.id, SHOWN, 2 ** 31 - 1)).map(view)
    const value = worthOf(project, evaluation)
    const testSet = await testSets.find(project)
    const newest = (await datasets.list(project, { limit: 1 })).items[0]
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
        serve: await this.#served(project.id),
        improve: {
          ...feedback,
          iterations: iterations[0]?.number ?? 0,
          running: iterations.find(({ state }) => state === 'waiting' || state === 'running') ?? null,
        },
      },
      curve: await this.#curve(project.id, endpoint, iterations),
      value,
      channels: await channelFigures(store.db, project.id, project.need, value),
    }
  }

  async #served(project: string): Promise<Summary['stages']['serve']> {
    const used = await this.#parts.channels.used({ project })
    const errors = used.reduce((sum, one) => sum + one.errors, 0)
    const { rows } = await sql<{ all: string; hour: string }>`
      select count(*) as all, count(*) filter (where at > now() - interval '1 hour') as hour
      from predictions where project = ${project} and role <> 'shadow'`.execute(this.#parts.store.db)
    return { predictions: Number(rows[0]!.all), predictionsLastHour: Number(rows[0]!.hour), errors }
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
  need: Need | null,
  value: Summary['value'],
): Promise<Summary['channels']> {
  const output = value?.output ?? ''
  const { rows } = await sql<{ name: string; predictions: string; alone: string; labelled: string; right: string }>`
    with latest as (
      select distinct on (f.prediction) f.prediction, f.value from feedback f
      where f.project = ${project} and f.kind = 'label' and f.output = ${output}
        and not exists (select 1 from iterations i where i.id = f.iteration and i.decision = 'set-aside' and not i.released)
      order by f.prediction, f.at desc, f.received_at desc, f.key desc
    )
    select p.channel as name, count(*) as predictions,
      count(*) filter (where (p.outputs -> ${output}::text ->> 'probability')::float8 >= ${value?.threshold ?? 2}) as alone,
      count(l.prediction) as labelled,
      count(*) filter (where l.value #>> '{}' = p.outputs -> ${output}::text ->> 'value') as right
    from predictions p left join latest l on l.prediction = p.id
    where p.project = ${project} and p.role <> 'shadow'
    group by p.channel order by p.channel`.execute(db)
  return rows.map((row) => {
    const [predictions, alone, labelled] = [Number(row.predictions), Number(row.alone), Number(row.labelled)]
    const minutes = need?.worth ? alone * need.worth.minutesPerItem : null
    return {
      ...{ name: row.name, predictions, alone, labelled, minutes },
      share: predictions === 0 ? 0 : alone / predictions,
      money: minutes === null ? null : (minutes / 60) * need!.worth!.costPerHour,
      accuracy: labelled === 0 ? null : Number(row.right) / labelled,
    }
  })
}
