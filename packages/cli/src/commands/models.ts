import { existsSync } from 'node:fs'
import {
  type CachedModel,
  cachedFolder,
  cachedModels,
  describeModel,
  hubSettings,
  type ModelDescription,
  pullModel,
  removeModel,
} from '@volant/models'
import { command } from '../command.js'
import type { OptionValues } from '../options.js'
import { sizeText } from '../terminal/chart.js'
import { pullProgress } from '../terminal/pull-progress.js'
import { table } from '../terminal/table.js'
import type { Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

type Given = OptionValues<'revision' | 'file' | 'json'>
type Action = (model: string, given: Given, terminal: Terminal) => Promise<void>

export const models = command({
  name: 'models',
  summary: 'Fetch, list, show and remove pretrained models of a hub',
  arguments: [
    { name: 'action', description: 'pull, list, show or remove', required: true },
    {
      name: 'model',
      description: 'name on the hub, such as org/name; for show also a folder or file',
      required: false,
    },
  ],
  options: ['revision', 'file', 'json'],
  examples: [
    ['volant models pull sentence-transformers/all-MiniLM-L6-v2', 'fetch what is missing, checked, into the cache'],
    ['volant models pull org/name --revision v1.0', 'a branch, a tag or a commit'],
    ['volant models pull org/name --file name.Q8_0.gguf', 'one file of several'],
    ['volant models list', 'what is in the cache'],
    ['volant models show org/name', 'architecture, parameters, licence, size'],
    ['volant models remove org/name', 'free its space'],
  ],
  async run([action, model], given, terminal) {
    const row = Object.hasOwn(actions, action!) ? actions[action!] : undefined
    if (!row) throw new Usage(`models can pull, list, show and remove, found ${JSON.stringify(action)}`)
    for (const option of ['revision', 'file'] as const)
      if (given[option] !== undefined && !row.options.includes(option))
        throw new Usage(`models ${action} takes no --${option}`)
    if ((model !== undefined) !== row.takesModel)
      throw new Usage(
        `models ${action} ${row.takesModel ? 'needs the name of a model, such as org/name' : 'takes no model'}`,
      )
    await row.act(model!, given, terminal)
  },
})

/** What follows `volant models`, with the options that it takes beside --json. */
const actions: Record<string, { act: Action; takesModel: boolean; options: ('revision' | 'file')[] }> = {
  pull: { act: pull, takesModel: true, options: ['revision', 'file'] },
  list: { act: (_none, given, terminal) => list(given, terminal), takesModel: false, options: [] },
  show: { act: show, takesModel: true, options: ['revision'] },
  remove: { act: remove, takesModel: true, options: ['revision'] },
}

async function pull(id: string, { revision, file, json }: Given, terminal: Terminal): Promise<void> {
  const progress = pullProgress(terminal)
  try {
    const pulled = await pullModel(id, { revision, file, onProgress: progress.onProgress, signal: terminal.signal })
    progress.end()
    if (pulled.offline) terminal.note(`note: the hub was not reached; ${id} is what the cache holds`)
    if (json) return terminal.print(JSON.stringify(pulled))
    const files = `${pulled.files.length} files, ${sizeText(pulled.bytes)}`
    terminal.print(`${id} (${pulled.revision} is ${pulled.commit}): ${files}\n${pulled.folder}`)
  } finally {
    progress.end()
  }
}

async function list({ json }: Given, terminal: Terminal): Promise<void> {
  const all = await cachedModels()
  if (json) return terminal.print(JSON.stringify(all))
  const { cache } = hubSettings()
  if (all.length === 0) return terminal.print(`No model in ${cache}. Fetch one: volant models pull <org/name>`)
  const total = all.reduce((sum, { bytes }) => sum + bytes, 0)
  terminal.print(table(['model', 'revision', 'commit', 'files', 'size', 'state'], all.flatMap(listRows)))
  terminal.print(`\n${sizeText(total)} in ${cache}`)
}

/** A row for each revision; a model of none is one whose download was never finished. */
function listRows({ id, bytes, revisions }: CachedModel): string[][] {
  if (revisions.length === 0) return [[id, '-', '-', '0', sizeText(bytes), 'unfinished']]
  return revisions.map(({ refs, commit, files, bytes, missing }) => [
    id,
    refs.join(', ') || '-',
    commit.slice(0, 12),
    String(files),
    sizeText(bytes),
    missing.length ? `without ${missing[0]}` : 'whole',
  ])
}

async function show(model: string, { revision, json }: Given, terminal: Terminal): Promise<void> {
  const here = existsSync(model)
  if (here && revision !== undefined) throw new Usage(`${model} is here, --revision is for names on the hub`)
  const description = await describeModel(here ? model : await cachedFolder(model, revision))
  terminal.print(json ? JSON.stringify(description) : descriptionText(model, description))
}

function descriptionText(model: string, description: ModelDescription): string {
  const number = (value: number | null) => value?.toLocaleString('en-US') ?? '-'
  const { formats, files } = description
  const rows = [
    ['architecture', description.architecture ?? '-'],
    ['parameters', number(description.parameters)],
    ['stored as', Object.keys(formats).join(', ')],
    ['tokens', number(description.tokens)],
    ['positions', number(description.positions)],
    ['licence', description.licence ?? '-'],
    ['size on disk', sizeText(description.bytes)],
    ['folder', description.folder],
  ]
  const facts = rows.map(([name, value]) => `${name!.padEnd(13)} ${value}`).join('\n')
  const sizes = table(
    ['file', 'size'],
    files.map(({ name, bytes }) => [name, sizeText(bytes)]),
  )
  return `${model}\n\n${facts}\n\n${sizes}`
}

async function remove(model: string, { revision, json }: Given, terminal: Terminal): Promise<void> {
  const freed = await removeModel(model, { revision })
  if (json) return terminal.print(JSON.stringify({ id: model, revision: revision ?? null, freed }))
  terminal.print(
    `Removed ${model}${revision === undefined ? '' : ` of revision ${revision}`}: ${sizeText(freed)} freed.`,
  )
}
