import { VolantClient } from '@volant/client'
import { loadTickets, type Ticket } from '../corpus/index.js'
import { strongestWords } from '../corpus/strongest-words.js'
import type { DemoOptions, DemoReport, RunningServer } from './options.js'
import { planOf } from './plan.js'
import { factsOf, type Story } from './result.js'
import { closingScreen, queueTable } from './screen.js'
import { Steps } from './steps.js'
import { tellStory } from './story.js'
import { type Words, wordsOf } from './words.js'

/**
 * The demo: a help desk on real mails that starts almost ignorant and learns from corrections, over public HTTP routes only.
 * Starts a server (or uses the one at `url`), tells the four steps, shows the closing screen, and serves on until `signal`
 * aborts unless `exit` is set. Every demo is a project of its own, so a data folder can be used again.
 * @throws what the server refuses (VolantProblem), and the reason of `signal` when it aborts before the closing screen.
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { json = false, lang = 'en', live = false, width = 100, exit = false, note, print } = options
  const signal = options.signal ?? new AbortController().signal
  const words = wordsOf(lang)
  const say = json ? note : print
  const steps = new Steps({ say, note, live, width, left: words.left })
  const started = Date.now()
  const tickets = introduce(words, say)
  const server = await steps.run(words.startServer, () => serverOf(options))
  try {
    const owner = new VolantClient({ url: server.url, fetch: (input, init) => fetch(input, { ...init, signal }) })
    const project = await freshId(owner)
    const address = `${server.url}/#/${project}`
    if (project !== firstId) steps.say(words.again(project))
    steps.say(words.watch(address))
    const story = await tellStory(project, { owner, plan: planOf(tickets), words, steps, signal })
    const seconds = (Date.now() - started) / 1000
    const again = `npx volant up${options.data === undefined ? '' : ` --data ${options.data}`}`
    for (const line of closingScreen(story, words, { address, width, seconds, again: exit ? again : undefined }))
      say(line)
    const report = reportOf(story, seconds)
    if (json) print(JSON.stringify(report))
    if (!exit) await aborted(signal)
    return report
  } catch (error) {
    if (!signal.aborted) throw error
    note(`\n${words.stopped}`)
    throw signal.reason
  } finally {
    await server.close()
  }
}

function introduce(words: Words, say: (text: string) => void): Ticket[] {
  const started = Date.now()
  const tickets = loadTickets()
  const routed = tickets.filter(({ queue }) => queue)
  const senders = new Set(routed.map(({ sender }) => sender)).size
  say(words.start)
  say(`  ${words.corpus(tickets.length, routed.length, senders, (Date.now() - started) / 1000)}`)
  for (const line of queueTable(words)) say(`    ${line}`)
  const strongest = strongestWords(routed)[0]
  if (strongest) say(`  ${words.leak(strongest)}`)
  return tickets
}

async function serverOf({ url, startServer, port = 4600, data = 'volant-data' }: DemoOptions): Promise<RunningServer> {
  if (url) return { url, close: async () => {} }
  if (!startServer) throw new TypeError('the demo needs a server to start (startServer) or the address of one (url)')
  return startServer({ port, dataFolder: data, logger: false })
}

const firstId = 'helpdesk'

/** helpdesk, or helpdesk-2, helpdesk-3 … when earlier demos are in the data folder. */
async function freshId(owner: VolantClient): Promise<string> {
  const taken = new Set<string>()
  for (let after: string | null | undefined; after !== null; ) {
    const page = await owner.projects({ limit: 200, after: after ?? undefined })
    for (const { id } of page.items) taken.add(id)
    after = page.next
  }
  for (let number = 1; ; number++) {
    const id = number === 1 ? firstId : `${firstId}-${number}`
    if (!taken.has(id)) return id
  }
}

function reportOf(story: Story, seconds: number): DemoReport {
  const facts = factsOf(story)
  const rounded = (value: number) => Number(value.toFixed(4))
  return {
    iterations: story.points.slice(1).map(({ labels, accuracy }) => ({ labels, accuracy: rounded(accuracy) })),
    accuracyBefore: rounded(facts.before),
    accuracyAfter: rounded(facts.after),
    randomAfter: rounded(facts.random),
    senderLift: rounded(facts.senderLift),
    coverageAt95: rounded(story.coverage.share),
    spoiledPromoted: story.spoiled.decision === 'promoted',
    seconds: Number(seconds.toFixed(1)),
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
