import { parseSpec } from '@volant/fields'
import type { Kysely } from 'kysely'
import { refuse } from '../errors.js'
import { cutPage, type Page, type Paging } from '../schema.js'
import type { Journal, Store, Tables } from '../store/index.js'
import type { NewProject, Project, ProjectChange } from './schema.js'
import { deleteProject, findProject, insertProject, listProjects, updateProject, updateSpec } from './store.js'

/** The projects: one need each, with its data, models and channels. */
export class Projects {
  readonly #store: Store
  readonly #journal: Journal
  readonly #removals: ((trx: Kysely<Tables>, project: string) => Promise<void>)[] = []
  readonly #removed: ((project: string) => Promise<void>)[] = []

  constructor(store: Store, journal: Journal) {
    this.#store = store
    this.#journal = journal
  }

  async create(wanted: NewProject): Promise<Project> {
    if (wanted.spec) parseSpec(wanted.spec)
    const now = new Date().toISOString()
    const project: Project = {
      id: wanted.id ?? slugOf(wanted.name),
      name: wanted.name,
      need: wanted.need ?? null,
      spec: wanted.spec ?? null,
      classes: wanted.classes ?? null,
      createdAt: now,
      updatedAt: now,
    }
    // What waits for a deleted project of this id, or came late, must not become this one's.
    await this.#journal.flush()
    const isNew = await this.#store.db.transaction().execute(async (trx) => {
      if (!(await insertProject(trx, project))) return false
      for (const removal of this.#removals) await removal(trx, project.id)
      return true
    })
    if (!isNew)
      throw refuse('project-exists', `A project with the id "${project.id}" exists already; choose another id.`)
    return project
  }

  /** Throws `unknown-project`. */
  async get(id: string): Promise<Project> {
    const project = await findProject(this.#store.db, id)
    if (!project) throw refuse('unknown-project', `There is no project "${id}".`, { project: id })
    return project
  }

  async list({ limit, after }: Paging): Promise<Page<Project>> {
    return cutPage(await listProjects(this.#store.db, limit + 1, after), limit, (project) => project.id)
  }

  async change(id: string, change: ProjectChange): Promise<Project> {
    if (change.spec) parseSpec(change.spec)
    const project = { ...(await this.get(id)), ...change, updatedAt: new Date().toISOString() }
    await updateProject(this.#store.db, project)
    return project
  }

  /** Gives a project that described none the spec that was inferred from its rows. */
  async keepSpec(trx: Kysely<Tables>, id: string, spec: Record<string, unknown>): Promise<void> {
    await updateSpec(trx, id, spec)
  }

  /** A stage says how it removes what it holds of a project; tables that refer to the project's row empty themselves. */
  onRemove(removal: (trx: Kysely<Tables>, project: string) => Promise<void>): void {
    this.#removals.push(removal)
  }

  /** A stage says how it removes the files it holds of a project, once its rows are gone. */
  onRemoved(removal: (project: string) => Promise<void>): void {
    this.#removed.push(removal)
  }

  /** Removes the project and all that the stages hold of it. */
  async remove(id: string): Promise<void> {
    await this.get(id)
    await this.#store.db.transaction().execute(async (trx) => {
      for (const removal of this.#removals) await removal(trx, id)
      await deleteProject(trx, id)
    })
    for (const removal of this.#removed) await removal(id)
  }
}

/** "Help desk (EU)" -> "help-desk-eu". */
function slugOf(name: string): string {
  const slug = name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 63)
    .replace(/-+$/, '')
  if (slug === '')
    throw refuse('bad-id', `No id can be made of the name "${name}"; send an "id" of small letters, digits and "-".`)
  return slug
}
