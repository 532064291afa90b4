import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openTable, type Table } from '@volant/data'
import { afterAll, describe, expect, it } from 'vitest'
import { inferSpec, loadModel, type SpecInput, train } from './index.js'

const shared = '../shared/data'
const folder = mkdtempSync(join(tmpdir(), 'volant-real-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Trains as `volant train` does and gives the metrics of the test file. */
async function figures(
  set: string,
  files: { data: string; valid?: string; test: string },
  outputs: string[],
  inputs?: string[],
) {
  const opened: Table[] = []
  const open = async (name: string) => {
    const table = await openTable(join(shared, set, name))
    opened.push(table)
    return table
  }
  const data = await open(files.data)
  const settings: SpecInput['train'] = { encoder: 'linear' }
  const { spec } = await inferSpec(data, { inputs, outputs, train: settings })
  const test = await open(files.test)
  const valid = files.valid ? await open(files.valid) : undefined
  const report = await train({ data, valid, test, spec, out: join(folder, set) })
  const model = await loadModel(report.model, { worker: false })
  const evaluated = await model.evaluate(test)
  expect(evaluated.metrics).toEqual(report.metrics.test)
  await Promise.all([model.close(), ...opened.map((table) => table.close())])
  return report.metrics.test!
}

describe.skipIf(!existsSync(shared))('the linear model on real data (skipped where ../shared/data is absent)', () => {
  it('sorts SMS spam', async () => {
    const files = { data: 'train.csv', valid: 'valid.csv', test: 'test.csv' }
    const { label } = await figures('sms_spam', files, ['label'], ['text'])
    expect(label!.f1).toBeGreaterThan(0.95)
    expect(label!.logLoss).toBeLessThan(0.06)
  })

  it('foresees churn from numbers and categories', async () => {
    const { Churn } = await figures('telco_churn', { data: 'train.csv', test: 'test.csv' }, ['Churn'])
    expect(Churn!.rocAuc).toBeGreaterThan(0.855)
    expect(Churn!.ece).toBeLessThan(0.05)
  })

  it('finds the intent and the domain of Chinese requests, two outputs of one model', async () => {
    const files = { data: 'train.jsonl', valid: 'valid.jsonl', test: 'test.jsonl' }
    const { domain, intent } = await figures('smp2019_nlu_zh', files, ['domain', 'intent'], ['text'])
    expect(domain!.accuracy).toBeGreaterThan(0.9)
    expect(intent!.accuracy).toBeGreaterThan(0.8)
  })
})
