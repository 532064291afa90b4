import { existsSync } from 'node:fs'
import { openTable, type Row, tableFromRows } from '@volant/data'
import { describe, expect, it } from 'vitest'
import { tickets } from '../fixtures.js'
import { inferSpec } from './infer.js'
import { parseSpec } from './parse.js'
import { specYaml } from './yaml.js'

const types = (fields: Record<string, { type: string }>) =>
  Object.fromEntries(Object.entries(fields).map(([name, { type }]) => [name, type]))

describe('inferSpec', () => {
  it('takes all columns but id-like, constant, empty and label-giving ones, and names the flag that brings them back', async () => {
    const codes: Record<string, number> = { billing: 3, delivery: 1, account: 2 }
    const rows = tickets(300).map(
      (row, at): Row => ({ id: `t-${at}`, source: 'mail', note: null, ...row, code: codes[row['queue'] as string]! }),
    )
    const { spec, notes, leftOut } = await inferSpec(tableFromRows(rows), { outputs: ['queue', 'urgent', 'minutes'] })
    expect(types(spec.inputs)).toEqual({ message: 'text', plan: 'category', age: 'number' })
    expect(types(spec.outputs)).toEqual({ queue: 'category', urgent: 'boolean', minutes: 'number' })
    expect(Object.fromEntries(leftOut.map(({ column, reason }) => [column, reason.split(/[ ,]/)[0]]))).toEqual({
      id: 'id-like',
      source: 'constant',
      note: 'empty',
      code: 'it',
    })
    expect(notes.find((note) => note.includes('"code"'))).toMatch(
      /gives "queue" away.*bring it back with --inputs message,plan,age,code/,
    )
    const named = await inferSpec(tableFromRows(rows), { inputs: ['id', 'code', 'message'], outputs: ['queue'] })
    expect(types(named.spec.inputs)).toEqual({ id: 'category', code: 'number', message: 'text' })
    expect(named.notes).toEqual([])
  })

  it('tells very many left-out columns in one sentence a reason', async () => {
    const rows = tickets(60).map(
      (row): Row => ({ ...row, ...Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`same${at}`, 'x'])) }),
    )
    const { notes, leftOut } = await inferSpec(tableFromRows(rows), { outputs: ['queue'] })
    expect(leftOut.filter(({ column }) => column.startsWith('same'))).toHaveLength(300)
    expect(notes.filter((note) => note.includes('same'))).toEqual([
      '300 columns are left out, "same0", "same1", "same2", "same3", "same4" and 295 more: constant, with one value only; bring one back by naming it in --inputs.',
    ])
  })

  it('reads an output by the rules: true/false boolean, two whole numbers category, other numbers number', async () => {
    const rows = tickets(90).map((row, at) => ({
      text: row['message']!,
      two: at % 2,
      many: at % 7,
      flag: at % 2 === 0 ? 'TRUE' : 'false',
    }))
    const { spec } = await inferSpec(tableFromRows(rows), { inputs: ['text'], outputs: ['two', 'many', 'flag'] })
    expect(types(spec.outputs)).toEqual({ two: 'category', many: 'number', flag: 'boolean' })
  })

  it.each([
    ['empty-column', { x: 'a b c', y: null }],
    ['one-class', { x: 'a b c', y: 'same' }],
    ['no-inputs', { y: 'differs' }],
  ])('refuses with %s', async (code, row) => {
    const rows = Array.from(
      { length: 20 },
      (_, at) => ({ ...row, ...('y' in row && row.y === 'differs' ? { y: at % 2 ? 'a' : 'b' } : {}) }) as Row,
    )
    await expect(inferSpec(tableFromRows(rows), { outputs: ['y'] })).rejects.toMatchObject({ code })
  })

  it('refuses a column that is not there, naming the nearest', async () => {
    await expect(inferSpec(tableFromRows(tickets(9)), { outputs: ['queu'] })).rejects.toMatchObject({
      code: 'missing-column',
      message: expect.stringMatching(/"queue"/),
    })
  })
})

const telco = '../shared/data/telco_churn/train.csv'
describe.skipIf(!existsSync(telco))('inferSpec on telco_churn (skipped where ../shared/data is absent)', () => {
  it('leaves out the customer id alone', async () => {
    const table = await openTable(telco)
    const { spec, leftOut } = await inferSpec(table, { outputs: ['Churn'] })
    expect(leftOut.map(({ column }) => column)).toEqual(['customerID'])
    expect(spec.inputs['TotalCharges']!.type).toBe('number')
    expect(Object.keys(spec.inputs)).toHaveLength(19)
    await table.close()
  })
})

describe('specYaml', () => {
  it('writes every default with its words, and reads back as the same spec', async () => {
    const { spec, notes } = await inferSpec(tableFromRows(tickets(100)), { outputs: ['queue', 'minutes', 'urgent'] })
    const yaml = specYaml(spec)
    expect(parseSpec(specYaml(spec, notes))).toEqual(spec)
    expect(parseSpec(yaml)).toEqual(spec)
    expect(yaml).toMatchInlineSnapshot(`
      "# What the model is given.
      inputs:
        message:
          type: text
          # Only this many characters of a text are read, from its start.
          maxCharacters: 20000
        plan:
          type: category
          # Values seen in fewer rows count as unknown.
          minCount: 1
          # Only this many values, the most frequent ones, are kept.
          maxValues: 10000
        age:
          type: number
          # At most this many quantile bins of the piecewise-linear encoding.
          bins: 32

      # What it says.
      outputs:
        queue:
          type: category
          # Share of this output in the summed loss of a network with several outputs.
          weight: 1
          # The class that precision, recall and F1 are about, of two; else true, yes or 1, else the rarer one.
          # positive:
          # Values that stand for no label, such as NA beside 0 and 1.
          # missing:
        minutes:
          type: number
          weight: 1
        urgent:
          type: boolean
          weight: 1

      train:
        # Same seed, data and versions: the same model.
        seed: 42
        # Chooses, by counted work and not by the clock, what may be tried: 90s, 5m, 1h.
        timeLimit: 300
        # auto tries what the time limit allows and keeps or blends; linear (= tfidf), bag, cnn, bilstm, transformer, pretrained train that alone.
        encoder: auto
        # A pretrained encoder to start from: a folder of the Hugging Face layout, or a model of the hub.
        # base:
        # What is learnt of a base: probe nothing, contrastive its vectors by pairs of a class, full all, top the upper layers, biases, lora and dora small adapters; auto: by the rows of a class.
        # tune:
        # Instead of tune: patterns of the parts of a base that are learnt, * within a name, ** for several: [encoder.layers.5, "**.norm"].
        # learn:
        # Most passes over the data a network makes; by default its recipe says.
        # epochs:
        # [train, valid, test]; null: 80/10/10, less what files are given for.
        split: null
        # After choosing, train the winner again on train + valid.
        refit: true
        # The candidates an earlier training compared; written by it so that training the saved spec repeats it.
        # candidates:
      "
    `)
  })

  it('quotes names that YAML would read as something else', () => {
    const spec = parseSpec({ inputs: { 'yes: no': 'text', '#1': 'number' }, outputs: { true: 'category' } })
    expect(parseSpec(specYaml(spec, ['a note\nof two lines']))).toEqual(spec)
  })
})
