import { VolantError } from '@volant/data'
import { command } from '../command.js'
import { consoleFolder } from '../console-folder.js'

export const demo = command({
  name: 'demo',
  summary: 'Watch a help desk learn: real mails, routed better with every correction',
  arguments: [],
  options: ['exit', 'json', 'port', 'data', 'lang'],
  examples: [
    ['volant demo', 'under 5 minutes, then the page stays open'],
    ['volant demo --exit --json', 'stop at the end, with one JSON line'],
  ],
  async run(_args, { exit, json, port = 4600, data, lang }, terminal) {
    const { startServer } = await import('@volant/server')
    const { runDemo } = await helpdesk()
    await runDemo({
      startServer: (options) => startServer({ ...options, staticFolder: consoleFolder() }),
      exit: exit ?? false,
      json: json ?? false,
      port,
      data,
      lang: lang ?? ((process.env['LC_ALL'] ?? process.env['LANG'] ?? '').startsWith('zh') ? 'zh' : 'en'),
      print: terminal.print,
      note: terminal.note,
      live: terminal.live,
      width: terminal.width,
      signal: terminal.signal,
    })
  },
})

/** The demo's mails are a package of their own, which an installation from the registry leaves out. */
async function helpdesk() {
  try {
    return await import('@volant/example-helpdesk')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause
    throw new VolantError(
      'no-demo',
      'The demo needs the package @volant/example-helpdesk. In a clone of the repository run `npm ci`, then `npm run demo`.',
      {},
      { cause },
    )
  }
}
