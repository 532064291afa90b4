import { afterAll, beforeAll, expect, it } from 'vitest'
import { csv, type Json, TestServer, ticket, ticketSpec, tickets } from './server.testing.js'
import { onEachDatabase } from './store/databases.testing.js'

/** The whole loop over HTTP, in its order; each part goes on where the one before ended. */
onEachDatabase((database) => {
  let server: TestServer
  let cold: Json
  const p = '/projects/desk'
  const api = (method: string, address: string, body?: unknown) => server.api(method, `${p}${address}`, body)
  /** Ticket number of a question: its text begins with it. */
  const numberOf = ({ inputs }: Json): number => Number(/^t(\d+)/.exec(inputs.message)![1])

  beforeAll(async () => {
    server = await TestServer.start(await database.fresh())
    await server.api('POST', '/projects', {
      id: 'desk',
      name: 'Help desk',
      spec: ticketSpec,
      need: {
        forWhom: 'the support team',
        kpi: 'share routed alone',
        worth: { minutesPerItem: 3, costPerHour: 40, currency: 'EUR', itemsPerMonth: 1000 },
      },
    })
  })
  afterAll(() => server.stop())

  it('collects rows from a file with their source, time and subject', async () => {
    const rows = tickets(0, 30).map((row, at) => ({
      ...row,
      from: `u${at % 4}@example.org`,
      sent: '2026-03-01T08:00:00Z',
    }))
    const query = 'name=march.csv&source=mail&timeColumn=sent&subjectColumn=from&consent=service'
    const dataset = await server.api('POST', `${p}/datasets?${query}`, csv(rows), { 'content-type': 'text/csv' })
    expect(dataset).toMatchObject({ number: 1, rows: 30, added: 30, labelled: { queue: 30 }, rejected: { count: 0 } })
    const { items } = await api('GET', `/datasets/${dataset.id}/rows?limit=1`)
    expect(items[0]).toMatchObject({
      row: 0,
      source: 'mail',
      time: '2026-03-01T08:00:00.000Z',
      subject: 'u0@example.org',
      consent: 'service',
      values: { message: ticket(0).message, queue: ticket(0).queue },
    })
    expect(items[0].values.sent).toBeUndefined()
  })

  it('freezes a test set once, and counts rows equal to one of its rows', async () => {
    const query = '/test-set/upload?name=later.csv'
    const frozen = await server.api('POST', `${p}${query}`, csv(tickets(1000, 1200)), { 'content-type': 'text/csv' })
    expect(frozen).toMatchObject({ rows: 200, labelled: { queue: 200 }, origin: 'upload' })
    const again = await server.ask('POST', `/api/v1${p}/test-set`, { share: 0.5 })
    expect(again).toMatchObject({ status: 409, body: { code: 'test-set-frozen' } })
    const dataset = await api('POST', '/rows', { rows: tickets(1000, 1003), source: 'leak' })
    expect(dataset).toMatchObject({ number: 2, rows: 33, added: 3, keptOut: 3 })
  })

  it('trains in a child process while the server answers, and never on a test row', async () => {
    const run = await api('POST', '/runs', {})
    expect(run.state).toBe('waiting')
    const started = performance.now()
    await api('GET', '/runs')
    expect(performance.now() - started).toBeLessThan(20_000)
    const ended = await server.ended(`${p}/runs/${run.id}`)
    expect(ended).toMatchObject({ state: 'done', attempt: 1 })
    cold = await api('GET', `/versions/${ended.version}`)
    expect(cold).toMatchObject({
      number: 1,
      trainedOn: { rows: 30, keptOut: 3, feedback: 0 },
      live: [],
      evaluation: { rows: 200 },
    })
    const { lines } = await api('GET', `/runs/${run.id}/log`)
    expect(lines.length).toBeGreaterThan(0)
    expect(await api('GET', `/versions/${cold.id}/card`)).toMatch(/^#/)
  })

  it('refuses to predict before something is deployed, then deploys', async () => {
    const early = await server.ask('POST', `/api/v1${p}/predict`, { rows: [{ message: 'x', plan: 'free' }] })
    expect(early).toMatchObject({ status: 409, body: { code: 'no-champion' } })
    expect(await api('PUT', '/endpoints/default', { champion: cold.id })).toMatchObject({
      champion: cold.id,
      previous: [],
    })
    expect(await api('GET', '/form')).toMatchObject({
      version: cold.id,
      inputs: [
        { name: 'message', type: 'text' },
        { name: 'plan', type: 'category' },
      ],
      outputs: [{ name: 'queue', type: 'category', classes: ['account', 'billing', 'delivery'] }],
    })
  })

  it('answers rows in order, bad ones with an error in their place, and keeps them masked', async () => {
    const good = ticket(5)
    const rows = [
      { message: `${good.message} write to ann@example.org`, plan: good.plan },
      { message: ['a'], plan: 'pro' },
      { message: 'invoice', plan: null },
    ]
    const { predictions } = await api('POST', '/predict', { rows, subject: 'ann' })
    expect(predictions[0]).toMatchObject({
      version: cold.id,
      outputs: { queue: { probabilities: expect.any(Object) } },
    })
    expect(predictions[1]).toEqual({ error: { row: 1, message: expect.stringContaining('message') } })
    expect(predictions[2].outputs.queue.value).toBeTypeOf('string')
    const kept = await api('GET', `/predictions/${predictions[0].id}`)
    expect(kept).toMatchObject({ channel: 'console', subject: 'ann', role: 'champion', feedback: [] })
    expect(kept.inputs.message).toContain('[email]')
    expect(kept.inputs.message).not.toContain('ann@')
  })

  it('asks about unlabelled rows, takes labels once, and gets better through the gate', async () => {
    const rows = tickets(100, 400).map(({ message, plan }) => ({ message, plan }))
    await api('POST', '/predict', { rows })
    const { questions, pool } = await api('GET', '/questions?limit=120')
    expect(pool).toBe(302)
    expect(questions).toHaveLength(120)
    const labels = questions
      .filter(({ inputs }: Json) => /^t\d/.test(inputs.message))
      .map((question: Json, at: number) => ({
        id: `f${at}`,
        predictionId: question.predictionId,
        kind: 'label',
        value: ticket(numberOf(question)).queue,
      }))
    expect(await api('POST', '/feedback', labels)).toMatchObject({ accepted: labels.length, refused: 0 })
    expect(await api('POST', '/feedback', labels[0])).toEqual({ id: 'f0', duplicate: true })
    const { id } = await api('POST', '/improve', {})
    const second = await server.ask('POST', `/api/v1${p}/improve`, {})
    expect(second).toMatchObject({ status: 409, body: { code: 'improve-running' } })
    const iteration = await server.ended(`${p}/iterations/${id}`)
    expect(iteration).toMatchObject({ state: 'done', number: 1, champion: cold.id, decision: 'promoted' })
    expect(iteration.labels).toMatchObject({
      new: labels.length,
      used: labels.length,
      rows: 30 + labels.length,
      disagreements: 0,
    })
    expect(iteration.gate.interval[0]).toBeGreaterThan(0)
    expect(iteration.explanation.en).toContain('proven better')
    expect(iteration.explanation.zh).toContain('已证明更好')
    expect(await api('GET', '/endpoints/default')).toMatchObject({ champion: iteration.candidate, previous: [cold.id] })
    expect(await api('GET', `/versions/${iteration.candidate}`)).toMatchObject({ parent: cold.id, live: ['default'] })
  })

  it('sets spoiled labels aside, and learns from them only when they are released', async () => {
    const wrong: Record<string, string> = { billing: 'delivery', delivery: 'account', account: 'billing' }
    const { questions } = await api('GET', '/questions?limit=150&strategy=random')
    const before = await api('GET', '/endpoints/default')
    const labels = questions
      .filter(({ inputs }: Json) => /^t\d/.test(inputs.message))
      .map((question: Json) => ({
        id: `s-${question.predictionId}`,
        predictionId: question.predictionId,
        kind: 'label',
        value: wrong[ticket(numberOf(question)).queue],
      }))
    await api('POST', '/feedback', labels)
    const { id } = await api('POST', '/improve', {})
    const iteration = await server.ended(`${p}/iterations/${id}`)
    expect(iteration).toMatchObject({ state: 'done', decision: 'set-aside' })
    expect(await api('GET', '/endpoints/default')).toEqual(before)
    const { stages } = await api('GET', '/summary')
    expect(stages.improve).toMatchObject({ setAside: labels.length, waiting: 0 })
    const nothing = await server.ask('POST', `/api/v1${p}/improve`, {})
    expect(nothing).toMatchObject({ status: 409, body: { code: 'no-new-labels' } })
    await api('POST', `/iterations/${id}/release`)
    expect((await api('GET', '/summary')).stages.improve).toMatchObject({ setAside: 0, waiting: labels.length })
  })

  it('sums the loop up: curve, value, channels, usage', async () => {
    const summary = await api('GET', '/summary')
    expect(summary.curve.map((point: Json) => point.decision)).toEqual([null, 'promoted', 'set-aside'])
    const [first, second, third] = summary.curve.map((point: Json) => point.outputs.queue.value)
    expect(second).toBeGreaterThan(first)
    expect(third).toBe(second)
    expect(summary.value).toMatchObject({
      output: 'queue',
      precision: 0.95,
      perItem: { minutes: 3, money: 2, currency: 'EUR' },
    })
    expect(summary.value.perMonth.minutes).toBeCloseTo(1000 * summary.value.share * 3, 6)
    expect(summary.channels[0]).toMatchObject({ name: 'console', predictions: 302 })
    expect((await api('GET', '/channels')).items).toMatchObject([
      { name: 'console', keys: 0, predictions: 302, labels: expect.any(Number) },
    ])
    const { items } = await api('GET', '/usage')
    expect(items.reduce((sum: number, one: Json) => sum + one.predictions, 0)).toBe(302)
    expect(items.reduce((sum: number, one: Json) => sum + one.errors, 0)).toBe(1)
  })

  it('rolls back, splits traffic by subject and lets a shadow listen', async () => {
    const now = await api('GET', '/endpoints/default')
    expect(await api('POST', '/endpoints/default/rollback')).toMatchObject({ champion: cold.id, previous: [] })
    const none = await server.ask('POST', `/api/v1${p}/endpoints/default/rollback`)
    expect(none).toMatchObject({ status: 409, body: { code: 'no-previous' } })
    await api('PUT', '/endpoints/default', {
      champion: cold.id,
      challenger: { version: now.champion, share: 0.5 },
      shadow: now.champion,
    })
    const versions = new Map<string, Set<string>>()
    for (let n = 0; n < 40; n++) {
      const subject = `s${n % 20}`
      const { predictions } = await api('POST', '/predict', {
        rows: [{ message: 'late parcel', plan: 'pro' }],
        subject,
      })
      versions.set(subject, (versions.get(subject) ?? new Set()).add(predictions[0].version))
    }
    expect([...versions.values()].every((seen) => seen.size === 1)).toBe(true)
    expect(new Set([...versions.values()].map((seen) => [...seen][0])).size).toBe(2)
    const { items } = await api('GET', `/predictions?limit=200&version=${now.champion}`)
    expect(new Set(items.map((one: Json) => one.role))).toContain('shadow')
    expect(await api('POST', '/endpoints/default/promote')).toMatchObject({
      champion: now.champion,
      challenger: null,
      previous: [cold.id],
    })
  })

  it('answers every request while versions are switched', async () => {
    const versions = (await api('GET', '/versions')).items.map((one: Json) => one.id)
    let switching = true
    let answered = 0
    const asking = Array.from({ length: 8 }, async () => {
      while (switching) {
        const { predictions } = await api('POST', '/predict', { rows: [{ message: 'courier is late', plan: 'pro' }] })
        expect(predictions[0].outputs.queue.value).toBeTypeOf('string')
        answered++
      }
    })
    for (let at = 0; at < 12; at++) await api('PUT', '/endpoints/default', { champion: versions[at % versions.length] })
    switching = false
    await Promise.all(asking)
    expect(answered).toBeGreaterThan(20)
  })

  it('finds everything again after a restart, and serves at once', async () => {
    const before = await api('GET', '/summary')
    server = await server.restart()
    expect(await api('GET', '/summary')).toEqual(before)
    const { predictions } = await api('POST', '/predict', { rows: [{ message: 'refund my card', plan: 'free' }] })
    expect(predictions[0].outputs.queue.value).toBe('billing')
  })
})
