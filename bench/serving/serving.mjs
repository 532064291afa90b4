// npm run bench:serving [-- --seconds 30 --connections 200 --rounds 20 --encoder tfidf --prof]
// What the server costs: one predict request at a time over HTTP beside the bare session in this process, in turns; then many
// connections; then one request at a time while the server trains. The last line is one JSON document.
import http from 'node:http'
import { VolantClient } from '@volant/client'
import { loadModel } from '@volant/fields'
import autocannon from 'autocannon'
import { option } from '../contest/alternate.mjs'
import { rows } from './rows.mjs'
import { startServer } from './server.mjs'

const seconds = Number(option('seconds', 30))
const connections = Number(option('connections', 200))
const rounds = Number(option('rounds', 20))
const encoder = option('encoder', 'tfidf')
const perRound = 50
const sampled = 1000
const note = (text) => process.stderr.write(`${text}\n`)

const round = (ms) => Number(ms.toFixed(2))
function percentiles(times) {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share) => round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))])
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) }
}

const { data, csv, texts } = rows()
const body = (text) => JSON.stringify({ rows: [{ text }] })
const server = await startServer(process.argv.includes('--prof') ? ['--cpu-prof', '--cpu-prof-dir=.'] : [])
const project = new VolantClient({ url: server.url }).project('serving')
await new VolantClient({ url: server.url }).createProject({
  id: project.id,
  name: 'Serving',
  spec: { inputs: { text: 'text' }, outputs: { label: 'category' } },
})
await project.upload(csv, { name: 'train.csv' })
note(`training on ${data} (${encoder})`)
const { version } = await project.finished((await project.train({ encoder })).id)
await project.deploy({ champion: version })
const model = await loadModel(server.modelFolder(), { threads: 1, worker: true })

const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
/** One request on the kept connection; resolves when its answer is whole. */
function ask(text) {
  const payload = body(text)
  const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) }
  return new Promise((resolve, reject) => {
    const request = http.request(`${server.url}/api/v1/projects/serving/predict`, { method: 'POST', agent, headers })
    request.on('error', reject).on('response', (response) => {
      const chunks = []
      response.on('error', reject).on('data', (chunk) => chunks.push(chunk))
      response.on('end', () => {
        if (response.statusCode === 200) resolve(Buffer.concat(chunks).length)
        else reject(new Error(`the server answered ${response.statusCode}: ${Buffer.concat(chunks)}`))
      })
    })
    request.end(payload)
  })
}
let next = 0
/** Milliseconds of `count` calls, one after another, each with another text. */
async function time(call, count) {
  const times = []
  for (let i = 0; i < count; i++) {
    const text = texts[next++ % texts.length]
    const started = performance.now()
    await call(text)
    times.push(performance.now() - started)
  }
  return times
}
const bare = (text) => model.predict([{ text }])

/** Bare session and HTTP in turns, so that what else the machine does meets both. */
async function beside(goOn) {
  const times = { bare: [], http: [] }
  for (let i = 0; goOn(i); i++) {
    times.bare.push(...(await time(bare, perRound)))
    times.http.push(...(await time(ask, perRound)))
  }
  return { requests: times.http.length, bare_ms: percentiles(times.bare), http_ms: percentiles(times.http) }
}

note('one request at a time, beside the bare session')
await beside((i) => i < 20) // warm
const one = await beside((i) => i < rounds)
one.added_ms = round(one.http_ms.p50 - one.bare_ms.p50)
note(JSON.stringify(one))

note(`${connections} connections for ${seconds} s`)
const memory = async () => Math.round((await server.figure('volant_process_resident_memory_bytes')) / 2 ** 20)
const memoryBefore = await memory()
const ids = []
const statuses = {}
const onResponse = (status, answer) => {
  statuses[status] = (statuses[status] ?? 0) + 1
  if (status === 200) ids.push(/"id":"([^"]+)"/.exec(answer)[1])
}
const result = await autocannon({
  url: `${server.url}/api/v1/projects/serving/predict`,
  connections,
  duration: seconds,
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  requests: texts.slice(0, 500).map((text) => ({ body: body(text), onResponse })),
})
const many = {
  connections,
  seconds,
  per_second: Math.round(ids.length / result.duration),
  p50_ms: result.latency.p50,
  p99_ms: result.latency.p99,
  answered: ids.length,
  errors: result.errors,
  timeouts: result.timeouts,
  refused_429: statuses[429] ?? 0,
  other_non_2xx: result.non2xx - (statuses[429] ?? 0),
  rss_mb: { before: memoryBefore, after: await memory() },
  waiting_for_database: await server.figure('volant_journal_waiting'),
}
note(JSON.stringify(many))

note(`looking up ${sampled} of ${ids.length} predictions`)
const sample = Array.from(
  { length: Math.min(sampled, ids.length) },
  (_, i) => ids[Math.floor((i * ids.length) / sampled)],
)
let missing = 0
for (const id of sample) if ((await project.prediction(id).catch(() => null))?.id !== id) missing++

note('one request at a time while the server trains')
const run = await project.train({ encoder: 'cnn' })
for (;;) {
  const { state, progress } = await project.run(run.id)
  if (progress.stage !== null || (state !== 'waiting' && state !== 'running')) break
  await new Promise((resolve) => setTimeout(resolve, 100))
}
const started = performance.now()
const training = await beside(() => performance.now() - started < 10_000)
const { state } = await project.run(run.id)
if (state !== 'running') throw new Error(`the run was to go on while it was measured, but it is ${state}`)
await project.cancelRun(run.id)
note(JSON.stringify(training))

await model.close()
agent.destroy()
await server.stop()
console.log(
  JSON.stringify({ data, one_at_a_time: one, many, found_again: { sampled: sample.length, missing }, training }),
)
const sound =
  many.errors === 0 && many.timeouts === 0 && many.refused_429 === 0 && many.other_non_2xx === 0 && missing === 0
process.exit(one.added_ms <= 2 && sound ? 0 : 1)
