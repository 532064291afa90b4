import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** A BERT of two layers with random weights, whose tokens are letters. */
const teacher = fileURLToPath(new URL('../../../models/test/fixtures/letters', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'volant-distil-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

const notes = Array.from({ length: 400 }, (_, i) => `note ${i.toString(26)} about ${(i * 7919).toString(36)}`)
writeFileSync(at('notes.txt'), notes.join('\n'))
const rows = notes.map((note, i) => `${note},${i % 2 ? 'one' : 'two'}`)
writeFileSync(at('rows.csv'), `text,label\n${rows.join('\n')}\n`)

const distil = (...args: string[]) =>
  spawnSync(process.execPath, [main, 'distil', ...args], { encoding: 'utf8', timeout: 60_000 })

describe('volant distil', () => {
  it('makes a base of several files, which volant train starts from', () => {
    const made = distil(
      at('notes.txt'),
      at('rows.csv'),
      '--teacher',
      teacher,
      '--layers',
      '1',
      '--quantise',
      'int8',
      '--json',
      '--out',
      at('base'),
    )
    expect(made.status, made.stderr).toBe(0)
    const report = JSON.parse(made.stdout)
    expect(report).toMatchObject({ texts: 400, teacher: { name: 'letters', licence: null } })
    expect(report.agreement.after).toBeGreaterThan(0.5)
    expect(readFileSync(at('base/README.md'), 'utf8')).toContain(report.teacher.sha256)
    expect(existsSync(at('base.unfinished'))).toBe(false)
    const trained = spawnSync(
      process.execPath,
      [
        main,
        'train',
        at('rows.csv'),
        '--outputs',
        'label',
        '--base',
        at('base'),
        '--tune',
        'probe',
        '--json',
        '--out',
        at('model'),
      ],
      { encoding: 'utf8', timeout: 60_000 },
    )
    expect(trained.status, trained.stderr).toBe(0)
    expect(JSON.parse(trained.stdout).metrics.test.label.accuracy).toBeGreaterThan(0)
  })

  it('makes static vectors, and does not replace what is there unless it is told to', () => {
    const args = [at('notes.txt'), '--teacher', teacher, '--static', '--width', '8', '--out', at('static')]
    const made = distil(...args)
    expect(made.status, made.stderr).toBe(0)
    expect(made.stdout).toMatch(/from 400 texts in \d+ s[\s\S]*volant train data\.csv/)
    expect(distil(...args)).toMatchObject({ status: 1, stderr: expect.stringContaining('exists already') })
    expect(distil(...args, '--force').status).toBe(0)
  })

  it.each([
    [['--out', 'x'], 2, '--teacher'],
    [['--teacher', teacher], 2, '--out'],
    [['--teacher', teacher, '--out', 'x', '--static', '--layers', '1'], 2, 'no network'],
    [['--teacher', teacher, '--out', 'x', '--quantise', '4bit'], 2, 'not 4bit'],
    [['--teacher', teacher, '--out', at('x'), '--vocabulary', '10'], 1, 'A vocabulary of 10 pieces'],
    [['--teacher', teacher, '--out', at('x'), '--column', 'nothing'], 1, 'no column "nothing"'],
  ])('refuses %j', (args, status, message) => {
    expect(distil(at('notes.txt'), ...args)).toMatchObject({ status, stderr: expect.stringContaining(message) })
  })

  it('stopped by Ctrl-C it keeps its state, and the same command goes on to the same base', async () => {
    const args = [at('notes.txt'), '--teacher', teacher, '--layers', '1', '--epochs', '60', '--out', at('stopped')]
    const process_ = spawn(process.execPath, [main, 'distil', ...args], { env: { ...process.env, CI: '1' } })
    let told = ''
    process_.stderr.on('data', (piece) => {
      const before = told
      told += piece
      const learns = 'The student learns'
      if (told.includes(learns) && !before.includes(learns)) process_.kill('SIGINT')
    })
    const [code] = await once(process_, 'close')
    expect({ code, told }).toMatchObject({ code: 130, told: expect.stringContaining('goes on from') })
    expect(existsSync(at('stopped.unfinished'))).toBe(true)
    expect(existsSync(at('stopped'))).toBe(false)
    expect(distil(...args).status).toBe(0)
    expect(distil(...args.slice(0, -1), at('whole')).status).toBe(0)
    expect(readFileSync(at('stopped/model.safetensors')).equals(readFileSync(at('whole/model.safetensors')))).toBe(true)
  })
})
