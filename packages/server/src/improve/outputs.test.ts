import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Json, TestServer, ticket } from '../server.testing.js'

/** A mail that is spam has no queue; all others have one. */
function mail(n: number): { message: string; queue: string | null; spam: boolean } {
  if (n % 4 === 3)
    return { message: `t${n} winner prize ${['lottery', 'casino', 'pills'][n % 3]} free`, queue: null, spam: true }
  return { message: ticket(n).message, queue: ticket(n).queue, spam: false }
}
const mails = (from: number, to: number) => Array.from({ length: to - from }, (_, at) => mail(from + at))

describe('a project with two outputs', () => {
  let server: TestServer
  let predicted: Json[]
  const api = (method: string, address: string, body?: unknown) => server.api(method, `/projects/mail${address}`, body)
  const feedBack = (item: object) =>
    server.ask('POST', '/api/v1/projects/mail/feedback', { predictionId: predicted[0].id, kind: 'label', ...item })

  beforeAll(async () => {
    server = await TestServer.start()
    const spec = {
      inputs: { message: 'text' },
      outputs: { queue: { type: 'category', weight: 2 }, spam: 'boolean' },
      train: { timeLimit: '10s', encoder: 'linear' },
    }
    await server.api('POST', '/projects', { id: 'mail', name: 'Mail', spec, classes: { queue: ['legal'] } })
    await api('POST', '/rows', { rows: mails(0, 40).map((row) => ({ ...row, message: row.message })) })
    await server.api(
      'POST',
      '/projects/mail/test-set/upload?name=t.jsonl',
      mails(1000, 1200)
        .map((row) => JSON.stringify(row))
        .join('\n'),
      { 'content-type': 'application/octet-stream' },
    )
    const run = await server.ended(`/projects/mail/runs/${(await api('POST', '/runs', {})).id}`)
    expect(run).toMatchObject({ state: 'done' })
    await api('PUT', '/endpoints/default', { champion: run.version })
    predicted = (await api('POST', '/predict', { rows: mails(100, 340).map(({ message }) => ({ message })) }))
      .predictions
  })
  afterAll(() => server.stop())

  it('keeps the outputs in the order of the spec and says what each takes', async () => {
    const { outputs } = await api('GET', '/form')
    expect(outputs).toMatchObject([
      { name: 'queue', type: 'category', classes: ['account', 'billing', 'delivery'] },
      { name: 'spam', type: 'boolean' },
    ])
    expect(typeof predicted[0].outputs.spam.value).toBe('boolean')
  })

  it.each([
    ['no output, which could be either', { id: 'a', value: 'billing' }, 'wrong-output'],
    ['an output that is not there', { id: 'b', output: 'spamm', value: true }, 'wrong-output'],
    ['a class nobody knows', { id: 'c', output: 'queue', value: 'biling' }, 'unknown-label'],
    ['a word for true or false', { id: 'd', output: 'spam', value: 'maybe' }, 'unknown-label'],
    ['a rating out of range', { id: 'e', kind: 'rating', value: 9 }, 'bad-value'],
    ['a click that is a number', { id: 'f', kind: 'click', value: 1 }, 'bad-value'],
    ['a comment that is none', { id: 'g', kind: 'comment', value: true }, 'bad-value'],
  ])('refuses %s', async (_name, item, code) => {
    expect(await feedBack(item)).toMatchObject({ status: 400, body: { code } })
  })

  it('takes every kind of feedback, a class the project lists, and an id once', async () => {
    for (const [id, kind, value] of [
      ['r', 'rating', 4],
      ['k', 'click', true],
      ['v', 'conversion', 12.5],
      ['e', 'edit', 'Dear Ann'],
      ['c', 'comment', 'so \u0000 odd \ud83d'],
    ] as const)
      expect(await feedBack({ id, kind, value })).toMatchObject({ status: 200, body: { id, duplicate: false } })
    expect(await feedBack({ id: 'new', output: 'queue', value: 'legal' })).toMatchObject({ status: 200 })
    expect(await feedBack({ id: 'new', output: 'queue', value: 'legal' })).toMatchObject({ body: { duplicate: true } })
    expect(await feedBack({ id: 'new', output: 'queue', value: 'billing' })).toMatchObject({
      status: 409,
      body: { code: 'id-reused' },
    })
    expect(await feedBack({ id: 'better', output: 'queue', value: mail(100).queue })).toMatchObject({ status: 200 })
    const { items } = await api('GET', '/feedback?limit=3')
    expect(items.map((one: Json) => one.id)).toEqual(['better', 'new', 'c'])
    const { feedback } = await api('GET', `/predictions/${predicted[0].id}`)
    expect(feedback).toHaveLength(7)
  })

  it('answers each item of an array by itself', async () => {
    const about = { predictionId: predicted[1].id, kind: 'label' }
    const answer = await api('POST', '/feedback', [
      { ...about, id: 'x', output: 'spam', value: false },
      { ...about, id: 'y', output: 'queue', value: 'nope' },
      { ...about, id: 'x', output: 'spam', value: false },
      { ...about, id: 'z', predictionId: 'none', output: 'spam', value: true },
    ])
    expect(answer).toMatchObject({ accepted: 1, duplicates: 1, refused: 2 })
    expect(answer.results).toMatchObject([
      { id: 'x', duplicate: false },
      { id: 'y', error: { code: 'unknown-label' } },
      { id: 'x', duplicate: true },
      { id: 'z', error: { code: 'unknown-prediction' } },
    ])
  })

  it('learns from labels of either output, the latest counts, and judges both', async () => {
    const labels = predicted.slice(2).flatMap(({ id }: Json, at: number) => {
      const { queue, spam } = mail(102 + at)
      const about = { predictionId: id, kind: 'label' }
      return [
        { ...about, id: `s${at}`, output: 'spam', value: spam },
        ...(queue ? [{ ...about, id: `q${at}`, output: 'queue', value: queue }] : []),
      ]
    })
    expect(await api('POST', '/feedback', labels)).toMatchObject({ refused: 0 })
    const { questions } = await api('GET', '/questions?output=spam&limit=5')
    expect(questions.map((one: Json) => one.predictionId)).toEqual([predicted[0].id])
    const iteration = await server.ended(`/projects/mail/iterations/${(await api('POST', '/improve', {})).id}`)
    expect(iteration).toMatchObject({ state: 'done', labels: { disagreements: 1, rows: 40 + 240 } })
    expect(Object.keys(iteration.gate.outputs)).toEqual(['queue', 'spam'])
    expect(iteration.gate.outputs).toMatchObject({
      queue: { metric: 'accuracy', weight: 2 },
      spam: { metric: 'rocAuc', weight: 1 },
    })
    expect(iteration.gate.outputs.queue.difference).toBeGreaterThan(0)
    const { items } = await api('GET', `/datasets/${iteration.dataset}/rows?limit=200&after=40`)
    const first = items.find((one: Json) => one.values.message === mail(100).message)
    expect(first).toMatchObject({ source: 'feedback', values: { queue: mail(100).queue, spam: null } })
  })
})
