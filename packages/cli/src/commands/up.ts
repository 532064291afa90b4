import { availableParallelism } from 'node:os'
import path from 'node:path'
import { command } from '../command.js'
import { consoleFolder } from '../console-folder.js'
import { type OptionValues, models as readModel } from '../options.js'
import { Stopped, type Terminal } from '../terminal/terminal.js'
import { Usage } from '../usage.js'

export const up = command({
  name: 'up',
  summary: 'Serve the loop: API, page, training and feedback in one process',
  arguments: [],
  options: ['port', 'host', 'data', 'keys', 'cors', 'model', 'adapter', 'quantise', 'threads', 'json'],
  examples: [
    ['volant up', 'http://127.0.0.1:4600, data in ./volant-data'],
    ['volant up --host 0.0.0.0 --port 8080 --data /srv/volant', 'for others too: keys are then needed'],
    ['volant up --model chat=smollm2.gguf --model words=org/name', "language models, as OpenAI's API under /v1"],
    ['volant up --model org/name --adapter formal=a/ --adapter short=b/', 'adapters share the weights of their model'],
    ['VOLANT_MODELS=chat=smollm2.gguf volant up --quantise int8', 'the same by the environment, with smaller weights'],
    ['DATABASE_URL=postgres://… volant up', 'on a PostgreSQL server'],
  ],
  async run(
    _args,
    { port = 4600, host = '127.0.0.1', data = 'volant-data', keys, cors, model, adapter = [], quantise, threads, json },
    terminal,
  ) {
    const models = withAdapters(model ?? modelsOf(process.env['VOLANT_MODELS']), adapter)
    if (models.length > 0) await fetchModels(models, terminal)
    const { startServer } = await import('@volant/server')
    const { default: closeWithGrace } = await import('close-with-grace')
    const server = await startServer({
      port,
      host,
      dataFolder: path.resolve(data),
      keys,
      cors,
      staticFolder: consoleFolder(),
      databaseUrl: process.env['DATABASE_URL'] || undefined,
      language: { models, quantise, threads: threads ?? availableParallelism() },
    })
    // Ctrl-C while it started.
    if (terminal.signal.aborted) {
      await server.close()
      throw new Stopped()
    }
    if (json) terminal.print(JSON.stringify({ url: server.url, port: server.port, ownerKey: server.ownerKey }))
    else {
      terminal.print(`Volant serves at ${server.url}   (API: ${server.url}/api/docs, Ctrl-C stops)`)
      if (server.ownerKey) terminal.print(`The owner's key, shown only now: ${server.ownerKey}`)
    }
    await new Promise<void>((resolve) => {
      closeWithGrace({ delay: 15_000 }, async ({ err }) => {
        if (err) terminal.note(`volant: ${err.stack ?? err.message}`)
        await server.close()
        resolve()
      })
    })
  },
})

type Models = ReturnType<typeof readModel>

/** `name=place,name=place` of the environment. */
const modelsOf = (text = ''): Models =>
  text
    .split(',')
    .filter((one) => one.trim() !== '')
    .reduce<Models>((before, one) => readModel(one, before), [])

/** The models with their adapters. */
function withAdapters(models: Models, given: OptionValues<'adapter'>['adapter'] = []) {
  const adapters = given.map(({ name, ...adapter }) => {
    if (name === undefined)
      throw new Usage(`--adapter ${adapter.folder} needs a name: name=folder or name@model=folder`)
    return { name, ...adapter }
  })
  for (const { name, base } of adapters) {
    if (base === undefined && models.length !== 1)
      throw new Usage(`--adapter ${name} needs the model it is put on: ${name}@model=folder`)
    if (base !== undefined && !models.some((model) => model.name === base))
      throw new Usage(`--adapter ${name}@${base}: there is no --model of that name`)
  }
  return models.map((model) => ({
    ...model,
    adapters: adapters.filter(({ base = model.name }) => base === model.name),
  }))
}

/** Fetches what is on the hub before the server starts. It starts also without: requests for the model then say why. */
async function fetchModels(models: Models, terminal: Terminal): Promise<void> {
  const { locate } = await import('../locate.js')
  for (const { name, source } of models) {
    try {
      await locate(source, terminal)
    } catch (error) {
      if (terminal.signal.aborted) throw new Stopped()
      terminal.note(`volant: the model "${name}" is not there yet: ${(error as Error).message}`)
    }
  }
}
