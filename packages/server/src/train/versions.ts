import { readFile } from 'node:fs/promises'
import path from 'node:path'
import { refuse } from '../errors.js'
import type { Evaluation, Evaluations } from '../evaluate/index.js'
import { cutPage, numberAfter, type Page, type Paging } from '../schema.js'
import type { Store } from '../store/index.js'
import type { ModelVersion } from './schema.js'
import { type Form, findVersion, listVersions, type VersionRecord } from './store.js'

/** Model versions with their lineage. */
export class Versions {
  readonly #store: Store
  readonly #evaluations: Evaluations

  constructor(store: Store, evaluations: Evaluations) {
    this.#store = store
    this.#evaluations = evaluations
  }

  /** Throws `unknown-version`. */
  async get(project: string, id: string, live: Map<string, string[]>): Promise<ModelVersion> {
    const record = await this.#find(project, id)
    return view(record, await this.#evaluations.of(id), live)
  }

  async list(project: string, { limit, after }: Paging, live: Map<string, string[]>): Promise<Page<ModelVersion>> {
    const records = await listVersions(this.#store.db, project, limit + 1, numberAfter(after))
    const page = cutPage(records, limit, (record) => String(record.number))
    const evaluations = await this.#evaluations.ofAll(page.items.map((record) => record.id))
    return { ...page, items: page.items.map((record) => view(record, evaluations.get(record.id) ?? null, live)) }
  }

  /** The fields a version takes and gives. */
  async form(project: string, id: string): Promise<Form> {
    return (await this.#find(project, id)).report.fields
  }

  /** The folder of the model. */
  async folder(project: string, id: string): Promise<string> {
    return this.#store.artifacts.checkOut((await this.#find(project, id)).tree)
  }

  /** The model card, in Markdown. */
  async card(project: string, id: string): Promise<string> {
    return readFile(path.join(await this.folder(project, id), 'README.md'), 'utf8')
  }

  async #find(project: string, id: string): Promise<VersionRecord> {
    const record = await findVersion(this.#store.db, project, id)
    if (!record)
      throw refuse('unknown-version', `The project "${project}" has no model version "${id}".`, { version: id })
    return record
  }
}

function view(record: VersionRecord, evaluation: Evaluation | null, live: Map<string, string[]>): ModelVersion {
  const { id, number, run, dataset, parent, spec, report, trained_on, created_at } = record
  const { fields: _, positive: __, ...told } = report
  return {
    ...{ id, number, run, dataset, parent, spec, ...told, evaluation },
    trainedOn: trained_on,
    createdAt: created_at.toISOString(),
    live: live.get(id) ?? [],
  }
}
