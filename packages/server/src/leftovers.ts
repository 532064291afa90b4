import type { Kysely } from 'kysely'
import type { Projects } from './needs/index.js'
import type { Log, Store, Tables, Used } from './store/index.js'
import type { Runs } from './train/index.js'

/** What a project leaves behind outside the database. */
interface Leftovers {
  jobs: string[]
  trees: string[]
  scores: string[]
}

/**
 * When a project is deleted, ends its trainings, then removes its data and every stored file that no other project uses
 * (files are named by their content, so that two projects may share one).
 */
export function removeLeftovers(parts: {
  store: Store
  projects: Projects
  runs: Runs
  removeData: (project: string) => Promise<void>
  log: Log
}): void {
  const { store, projects, runs, removeData, log } = parts
  const left = new Map<string, Leftovers>()
  projects.onRemove(async (trx, project) => {
    left.set(project, await leftoversOf(trx, project))
  })
  projects.onRemoved(async (project) => {
    const { jobs, trees, scores } = left.get(project) ?? { jobs: [], trees: [], scores: [] }
    left.delete(project)
    await runs.stop(jobs)
    await removeData(project)
    const removed = await store.artifacts.remove(trees, scores, () => usedBy(store.db))
    log.info({ project, ...removed }, 'files of a deleted project removed')
  })
}

async function leftoversOf(trx: Kysely<Tables>, project: string): Promise<Leftovers> {
  const runs = await trx
    .selectFrom('runs')
    .select('job')
    .where('project', '=', project)
    .where('state', 'in', ['waiting', 'running'])
    .execute()
  const versions = await trx.selectFrom('versions').select('tree').where('project', '=', project).execute()
  const evaluations = await trx.selectFrom('evaluations').select('scores').where('project', '=', project).execute()
  return {
    jobs: runs.flatMap(({ job }) => job ?? []),
    trees: versions.map(({ tree }) => tree),
    scores: evaluations.map(({ scores }) => scores),
  }
}

async function usedBy(db: Kysely<Tables>): Promise<Used> {
  const versions = await db.selectFrom('versions').select('tree').distinct().execute()
  const evaluations = await db.selectFrom('evaluations').select('scores').distinct().execute()
  return { trees: versions.map(({ tree }) => tree), files: evaluations.map(({ scores }) => scores) }
}
