import { type SpawnSyncReturns, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** An encoder of random weights whose tokens are letters. */
const base = fileURLToPath(new URL('../../../models/test/fixtures/letters', import.meta.url))
let folder: string
const file = (name: string) => path.join(folder, name)

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'volant-embed-evaluate-'))
  const rows = ['abc,abc,a,test,5', 'def,def,b,test,5', 'abc,ghi,a,train,2.5', 'xyz,qrs,c,train,1']
  writeFileSync(file('pairs.csv'), ['query,answer,label,split,score', ...rows, ''].join('\n'))
  writeFileSync(file('same.csv'), 'a,b,same\nabc,abc,1\nabc,xyz,0\ndef,def,1\nqrs,abc,0\n')
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function evaluate(name: string, args: string[]): SpawnSyncReturns<string> {
  const all = [main, 'embed-evaluate', file(name), '--base', base, '--threads', '1', ...args]
  return spawnSync(process.execPath, all, { encoding: 'utf8', timeout: 60_000 })
}

function report(name: string, args: string[]): { rows: number; metrics: Record<string, number> } {
  const { stdout, stderr, status } = evaluate(name, [...args, '--json'])
  expect(status, stderr).toBe(0)
  return JSON.parse(stdout)
}

describe('volant embed-evaluate', () => {
  it('finds answers among all of the file', () => {
    const chosen = report('pairs.csv', ['--inputs', 'query,answer', '--where', 'split=test'])
    expect(chosen).toMatchObject({ rows: 2, metrics: { mrr: 1, 'hit@1': 1, 'ndcg@10': 1 } })
    const all = report('pairs.csv', ['--inputs', 'query,answer'])
    expect(all.rows).toBe(3)
    expect(all.metrics['mrr']).toBeLessThan(1)
    expect(evaluate('pairs.csv', ['--inputs', 'query,answer']).stdout).toMatch(/^3 rows\n\nmetric +value.*\nmrr/)
  })

  it('finds texts of the same label', () => {
    const args = ['--inputs', 'query', '--outputs', 'label', '--among', file('pairs.csv')]
    expect(report('pairs.csv', args)).toMatchObject({ rows: 4, metrics: { 'hit@1': 1 } })
  })

  it('compares similarities with scores, and tells two values apart', () => {
    const { metrics } = report('pairs.csv', ['--inputs', 'query,answer', '--score', 'score'])
    expect(Object.keys(metrics)).toEqual(['spearman', 'pearson'])
    expect(metrics['spearman']).toBeGreaterThan(0.8)
    const args = ['--inputs', 'a,b', '--score', 'same']
    expect(report('same.csv', args).metrics).toEqual({ rocAuc: 1 })
    expect(report('same.csv', [...args, '--valid', file('same.csv')]).metrics).toEqual({ rocAuc: 1, accuracy: 1 })
  })

  it.each([
    [['--inputs', 'query'], 2, 'expected --inputs query,answer for pairs'],
    [['--inputs', 'query', '--outputs', 'label'], 2, '--outputs and --among go together'],
    [['--inputs', 'query,answer', '--where', 'split'], 2, 'expected a column and its value'],
    [['--inputs', 'query,answer', '--where', 'split=never'], 1, 'has no row whose split is never'],
    [['--inputs', 'query,answer', '--score', 'label'], 1, 'has "a" in row 1, expected a number'],
  ])('refuses %j', (args, code, message) => {
    const { status, stderr } = evaluate('pairs.csv', args)
    expect(stderr).toContain(message)
    expect(status).toBe(code)
  })
})
