import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Row, tableFromRows } from '@volant/data'
import { afterAll, describe, expect, it } from 'vitest'
import { tickets } from '../fixtures.js'
import { loadModel } from '../predict/model.js'
import { inferSpec } from '../spec/infer.js'
import { parseSpec } from '../spec/parse.js'
import { train } from './train.js'

const folder = mkdtempSync(join(tmpdir(), 'volant-names-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Tickets whose columns have other names. */
const renamed = (names: Record<string, string>): Row[] =>
  tickets(90).map((row) => Object.fromEntries(Object.entries(names).map(([from, to]) => [to, row[from]!])))

describe('names of columns', () => {
  it.each([
    { message: 'constructor', plan: 'toString', queue: 'valueOf' },
    { message: 'my message', plan: 'a.b.c', queue: 'Ünïcødé 队列' },
    { message: 'a', plan: 'b.ids', queue: 'a.b' },
    { message: 'hasOwnProperty', plan: '"quoted", \\ and %2E', queue: 'x/y:z\t0' },
    { message: 'batch', plan: 'linear', queue: 'prototype' },
    { message: ':refused', plan: '0', age: 'length', queue: '1' },
    { message: 'linear.age', plan: 'bag.', age: 'table', queue: 'y' },
    { message: 'add', plan: 'gather_1', age: 'input', queue: 'output' },
  ])('may be odd: %o', async (names) => {
    const rows = renamed(names as unknown as Record<string, string>)
    const { spec } = await inferSpec(tableFromRows(rows), {
      inputs: Object.values(names).filter((name) => name !== names.queue) as string[],
      outputs: [names.queue],
    })
    const out = join(folder, String(Math.random()))
    await train({ data: tableFromRows(rows), spec, out })
    const model = await loadModel(out, { worker: false })
    const [answer] = await model.predict([{ [names.message]: 'refund of my invoice' }])
    expect(Object.keys(answer!)).toEqual([names.queue])
    expect(answer).toMatchObject({ [names.queue]: { value: 'billing' } })
    await model.close()
  })

  it.each([
    [{ a: 'text', 'a.ids': 'number' }, { y: 'category' }, 'a.ids'],
    [{ a: 'text', 'a.bag.weights': 'number' }, { y: 'category' }, 'a.bag.weights'],
    [{ a: 'text', 'y.value': 'number' }, { y: 'category' }, 'y.value'],
    [{ a: 'text' }, { y: 'category', 'y.probabilities': 'number' }, 'y.probabilities'],
    [{ a: 'text', 'linear.y.bias': 'number' }, { y: 'category' }, 'linear.y.bias'],
    [{ a: 'text', 'bag.inputs.a.weight': 'number' }, { y: 'category' }, 'bag.inputs.a.weight'],
  ])('of tensors are refused: %o beside %o', (inputs, outputs, name) => {
    expect(() => parseSpec({ inputs, outputs } as Parameters<typeof parseSpec>[0])).toThrow(
      `the name "${name}" is taken by a tensor of the model`,
    )
  })

  it('that would change what objects are made of are refused', () => {
    const row = Object.fromEntries([['__proto__', 'x']]) as Row
    expect(() => tableFromRows([row])).toThrow('"__proto__"')
    expect(() => parseSpec('inputs: {__proto__: text}\noutputs: {queue: category}')).toThrow('"__proto__"')
  })
})
