import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'volant-pretrain-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => join(folder, name)

const colours = ['red', 'green', 'blue', 'white']
const notes = Array.from({ length: 400 }, (_, i) => {
  const colour = colours[(i * 7919) % 4]!
  return `${colour} ${colour}ish note ${i % 17} is ${colour}`
})
writeFileSync(at('notes.txt'), notes.join('\n'))
const rows = notes.map((note, i) => `${note},${i % 3},${colours.indexOf(note.split(' ')[0]!) % 2 ? 'one' : 'two'}`)
writeFileSync(at('rows.csv'), `note,number,label\n${rows.join('\n')}\n`)
writeFileSync(at('empty.txt'), '\n \n')
writeFileSync(at('one.txt'), 'a single short note\n')

const volant = (...args: string[]) =>
  spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 120_000 })
const small = ['--layers', '1', '--width', '32', '--heads', '2', '--context', '16', '--threads', '1']
const pretrain = (...args: string[]) => volant('pretrain', ...args)
const bert = ['--arch', 'bert', ...small]

describe('volant pretrain', () => {
  it('makes an encoder of text and a column, which volant train starts from', () => {
    const sources = [at('rows.csv'), '--column', 'note']
    const made = pretrain(...sources, ...bert, '--steps', '80', '--json', '--out', at('base'))
    expect(made.status, made.stderr).toBe(0)
    const report = JSON.parse(made.stdout)
    expect(report).toMatchObject({ architecture: 'bert', texts: 400, steps: 80, base: null })
    expect(report.perplexity).toBeCloseTo(Math.exp(report.validation.loss), 6)
    expect(report.history.at(-1).step).toBe(80)
    expect(report.history.at(-1).validation).toBeLessThan(report.history[0].validation)
    expect(readFileSync(at('base/README.md'), 'utf8')).toContain('400 texts')
    expect(existsSync(at('base.unfinished'))).toBe(false)
    const trained = volant(
      ...['train', at('rows.csv'), '--inputs', 'note', '--outputs', 'label', '--base', at('base')],
      ...['--tune', 'probe', '--json', '--out', at('model')],
    )
    expect(trained.status, trained.stderr).toBe(0)
    expect(JSON.parse(trained.stdout).metrics.test.label.accuracy).toBeGreaterThan(0.5)
  })

  it('goes on from a base, and does not replace what is there unless it is told to', () => {
    const args = [at('notes.txt'), '--base', at('base'), '--context', '16', '--steps', '5', '--out', at('further')]
    const made = pretrain(...args)
    expect(made.status, made.stderr).toBe(0)
    expect(made.stdout).toMatch(/further: bert, [\s\S]*perplexity of the masked tokens[\s\S]*volant train data\.csv/)
    expect(readFileSync(at('further/README.md'), 'utf8')).toContain('base_model: base')
    expect(pretrain(...args)).toMatchObject({ status: 1, stderr: expect.stringContaining('exists already') })
    expect(pretrain(...args, '--force').status).toBe(0)
  })

  it('makes a decoder, validated on a file, which volant generate writes with', () => {
    const args = ['--arch', 'llama', ...small, '--valid', at('notes.txt'), '--steps', '5', '--out', at('writer')]
    const made = pretrain(at('notes.txt'), ...args)
    expect(made.status, made.stderr).toBe(0)
    expect(made.stdout).toMatch(/perplexity of the next token[\s\S]*volant generate/)
    const written = volant('generate', at('writer'), 'red', '--max-tokens', '4')
    expect(written.status, written.stderr).toBe(0)
    expect(written.stdout.trim()).not.toBe('')
  })

  it('learns from as many rows an update, at the rate, that it is told', () => {
    const args = [at('notes.txt'), ...bert, '--steps', '3', '--json']
    const losses = (out: string, ...more: string[]) => {
      const made = pretrain(...args, ...more, '--out', at(out))
      expect(made.status, made.stderr).toBe(0)
      const { passes, validation } = JSON.parse(made.stdout)
      return { passes, loss: validation.loss }
    }
    const usual = losses('usual')
    const few = losses('few', '--batch-size', '8')
    expect(few.passes).toBeCloseTo(usual.passes / 4, 6)
    const still = losses('still', '--learning-rate', '1e-9')
    expect(still.passes).toBe(usual.passes)
    expect(still.loss).toBeGreaterThan(usual.loss)
  })

  it('trains ELECTRA by the minutes', () => {
    const args = ['--arch', 'electra', ...small, '--minutes', '0.05', '--out', at('electra')]
    const made = pretrain(at('notes.txt'), ...args)
    expect(made.status, made.stderr).toBe(0)
    expect(made.stderr).toContain('Timing some updates')
    expect(made.stdout).toContain('% of the tokens told right')
  })

  it.each([
    [['notes.txt', '--out', 'x'], 2, 'pretrain needs --arch: one of bert, roberta, electra, gpt2, llama'],
    [['notes.txt', '--arch', 'bert'], 2, '--out'],
    [['notes.txt', '--arch', 'rnn', '--out', 'x'], 2, 'one of bert, roberta, electra, gpt2, llama'],
    [['notes.txt', ...bert, '--minutes', '1', '--steps', '1', '--out', 'x'], 2, 'two ways'],
    [['notes.txt', '--base', 'base', '--layers', '2', '--out', 'x'], 2, '--layers is that of the base'],
    [['notes.txt', '--base', 'base', '--arch', 'gpt2', '--out', 'x'], 1, 'is of the architecture "bert", not "gpt2"'],
    [['empty.txt', ...bert, '--out', 'x'], 1, 'no text to learn from'],
    [['one.txt', ...bert, '--context', '64', '--out', 'x'], 1, 'less than one row of 62'],
    [['notes.txt', ...bert, '--vocabulary', '9000', '--out', 'x'], 1, 'tokens, not 9000'],
  ])('refuses %j', (args, status, message) => {
    const found = spawnSync(process.execPath, [main, 'pretrain', ...args], { encoding: 'utf8', cwd: folder })
    expect(found).toMatchObject({ status, stderr: expect.stringContaining(message) })
    expect(existsSync(at('x.unfinished'))).toBe(false)
  })

  it('stopped by Ctrl-C it keeps its state, and the same command goes on to the same base', async () => {
    const args = [at('notes.txt'), ...bert, '--steps', '600', '--out', at('stopped')]
    const env = { ...process.env, CI: '1' }
    const running = spawn(process.execPath, [main, 'pretrain', ...args], { env })
    let told = ''
    running.stderr.on('data', (piece) => {
      const before = told
      told += piece
      if (told.includes('Update') && !before.includes('Update')) running.kill('SIGINT')
    })
    const [code] = await once(running, 'close')
    expect({ code, told }).toMatchObject({ code: 130, told: expect.stringContaining('goes on from') })
    expect(existsSync(at('stopped.unfinished'))).toBe(true)
    expect(existsSync(at('stopped'))).toBe(false)
    const resumed = pretrain(...args)
    expect(resumed.stderr).toMatch(/Goes on after \d+ of 600 updates/)
    expect(pretrain(...args.slice(0, -1), at('whole')).status).toBe(0)
    expect(readFileSync(at('stopped/model.safetensors')).equals(readFileSync(at('whole/model.safetensors')))).toBe(true)
  })
})
