import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, expectTypeOf, it } from 'vitest'
import { tickets } from './fixtures.js'
import { boolean, type CategoryAnswer, category, isPredictionError, model, number, parseSpec, text } from './index.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-model-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const triage = model({
  inputs: { message: text(), plan: category(), age: number() },
  outputs: { queue: category(), minutes: number(), urgent: boolean() },
})

describe('model', () => {
  it('describes the same as the YAML', () => {
    const yaml = `
      inputs: {message: {type: text}, plan: category, age: number}
      outputs: {queue: {type: category, weight: 1}, minutes: number, urgent: boolean}
      train: {seed: 7, timeLimit: 5m}`
    expect(triage.spec({ seed: 7, timeLimit: '5m' })).toEqual(parseSpec(yaml))
  })

  it('trains from rows and answers with the types of its fields', async () => {
    const trained = await triage.train(tickets(240), { out: join(folder, 'typed'), timeLimit: 1 })
    const answer = await trained.predict({ message: 'I was charged twice on my invoice', plan: 'pro', age: 31 })
    expectTypeOf(answer.queue).toEqualTypeOf<CategoryAnswer>()
    expectTypeOf(answer.queue.value).toBeString()
    expectTypeOf(answer.minutes.value).toBeNumber()
    expectTypeOf(answer.urgent.value).toBeBoolean()
    expectTypeOf(answer.urgent.probabilities).toEqualTypeOf<Record<'true' | 'false', number>>()
    expect(answer.queue.value).toBe('billing')
    expect(answer.queue.probability).toBe(answer.queue.probabilities['billing'])
    expect(Object.values(answer.queue.probabilities).reduce((a, b) => a + b)).toBeCloseTo(1, 5)
    expect(answer.minutes.value).toBeGreaterThan(0)
    expect(typeof answer.urgent.value).toBe('boolean')

    const [good, bad] = await trained.predict([{ message: 'parcel' }, { age: 'old' as unknown as number }])
    expect(isPredictionError(good!)).toBe(false)
    expect(bad).toEqual({ error: { row: 1, message: 'input "age": expected a number, found "old"' } })
    await expect(trained.predict({ age: 'old' as unknown as number })).rejects.toMatchObject({ code: 'bad-row' })
    await trained.close()

    const again = await triage.load(trained.folder)
    expect(await again.predict({ message: 'I was charged twice on my invoice', plan: 'pro', age: 31 })).toEqual(answer)
    await again.close()
    const other = model({ inputs: { message: text() }, outputs: { mood: category() } })
    await expect(other.load(trained.folder)).rejects.toMatchObject({ code: 'other-model' })
  })

  it('does not compile with a wrong field or value', () => {
    const wrong = () => {
      // @ts-expect-error text is no output
      model({ inputs: { a: text() }, outputs: { b: text() } })
      // @ts-expect-error an unknown setting
      number({ bin: 3 })
    }
    expectTypeOf<Parameters<Awaited<ReturnType<typeof triage.load>>['predict']>[0]>().not.toExtend<{ age: string }[]>()
    expect(wrong).toBeTypeOf('function')
  })
})
