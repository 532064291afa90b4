import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** An encoder of random weights whose tokens are letters. */
const base = fileURLToPath(new URL('../../../models/test/fixtures/letters', import.meta.url))
let folder: string
let data: string

beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'volant-embed-train-'))
  data = path.join(folder, 'pairs.csv')
  const rows = Array.from({ length: 80 }, (_, i) => {
    const word = String.fromCharCode(97 + (i % 20), 97 + ((i * 7) % 26), 97 + ((i * 11) % 26))
    return `${word} ${i},${word}${word} answer,${i % 4},${i % 2}`
  })
  writeFileSync(data, ['query,answer,label,score', ...rows, ''].join('\n'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function train(args: string[]): SpawnSyncReturns<string> {
  const all = [main, 'embed-train', data, '--base', base, '--threads', '1', '--epochs', '2', ...args]
  return spawnSync(process.execPath, all, { encoding: 'utf8', timeout: 120_000 })
}

describe('volant embed-train', () => {
  it('writes a folder that is a base, and measures before and after', { timeout: 120_000 }, () => {
    const out = path.join(folder, 'tuned')
    const options = ['--inputs', 'query,answer', '--learning-rate', '0.003', '--batch-size', '16', '--out', out]
    const { status, stdout, stderr } = train([...options, '--json'])
    expect(status, stderr).toBe(0)
    const { before, after } = JSON.parse(stdout)
    expect(before.rows).toBeGreaterThan(2)
    expect(after.rows).toBe(before.rows)
    expect(after.metrics.mrr).not.toBe(before.metrics.mrr)
    expect(existsSync(`${out}.unfinished`)).toBe(false)
    const found = spawnSync(
      process.execPath,
      [main, 'embed', data, '--base', out, '--inputs', 'query', '--search', 'abc 0', '--top', '1'],
      { encoding: 'utf8' },
    )
    expect(found.stdout, found.stderr).toMatch(/^\d\.\d{4} {2}\w{3} \d+\n$/)
    expect(train(options).stderr).toContain('exists already')
  })

  it.each([
    ['mrr', ['--inputs', 'query', '--outputs', 'label']],
    ['rocAuc', ['--inputs', 'query,answer', '--score', 'score']],
  ])('measures by %s with %j', { timeout: 120_000 }, (metric, args) => {
    const { status, stdout, stderr } = train([...args, '--out', path.join(folder, metric)])
    expect(status, stderr).toBe(0)
    expect(stdout).toMatch(new RegExp(`rows held out\nmetric +before +after\n${metric} +\\d\\.\\d{4} +\\d\\.\\d{4}\n`))
  })

  it('stopped by Ctrl-C it keeps its state, says so, and the same command goes on', { timeout: 120_000 }, async () => {
    const out = path.join(folder, 'stopped')
    const args = ['--inputs', 'query,answer', '--epochs', '60', '--batch-size', '8']
    const all = [main, 'embed-train', data, '--base', base, '--threads', '1', ...args, '--out', out]
    const running = spawn(process.execPath, all, { env: { ...process.env, CI: '1' } })
    let told = ''
    running.stderr.on('data', (piece) => {
      told += piece
    })
    const watch = setInterval(() => {
      if (!existsSync(`${out}.unfinished`)) return
      clearInterval(watch)
      running.kill('SIGINT')
    }, 5)
    const [code] = await once(running, 'close')
    expect([code, told]).toEqual([
      130,
      `volant: The tuning was stopped; the same command goes on from "${out}.unfinished".\n`,
    ])
    expect(existsSync(out)).toBe(false)
    const go = (to: string) => spawnSync(process.execPath, [...all.slice(0, -1), to], { encoding: 'utf8' })
    expect(go(out).status).toBe(0)
    expect(existsSync(`${out}.unfinished`)).toBe(false)
    const whole = path.join(folder, 'whole')
    expect(go(whole).status).toBe(0)
    const weights = (of: string) => readFileSync(path.join(of, 'model.safetensors'))
    expect(weights(out).equals(weights(whole))).toBe(true)
  })

  it('refuses what it cannot learn from', () => {
    expect(train(['--inputs', 'query,answer']).stderr).toContain('embed-train needs --out')
    expect(train(['--inputs', 'query', '--out', 'x']).stderr).toContain('expected --inputs query,answer for pairs')
  })
})
