import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** A decoder of random weights whose tokens are bytes. */
const base = fileURLToPath(new URL('../../../models/test/fixtures/writer', import.meta.url))

const folder = mkdtempSync(path.join(tmpdir(), 'volant-instruct-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const at = (name: string) => path.join(folder, name)

const line = (question: string, answer: string) =>
  JSON.stringify({
    messages: [
      { role: 'user', content: question },
      { role: 'assistant', content: answer },
    ],
  })
const chats = at('chats.jsonl')
writeFileSync(chats, Array.from({ length: 40 }, (_, i) => line(`Where ${i}?`, 'Here.')).join('\n'))

function volant(...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [main, ...args], { encoding: 'utf8', timeout: 120_000 })
}

const settings = ['--base', base, '--epochs', '20', '--learning-rate', '0.02', '--threads', '1', '--max-tokens', '64']

describe('volant instruct', () => {
  it('writes an adapter that volant generate uses, or a whole model that writes the same', { timeout: 120_000 }, () => {
    const made = volant('instruct', chats, ...settings, '--out', at('adapter'), '--json')
    expect(made.status, made.stderr).toBe(0)
    const { validation, ...report } = JSON.parse(made.stdout)
    expect(report).toMatchObject({ chats: { learnt: 36, cut: 0, left: 0 }, merged: false })
    expect(validation.after.perplexity).toBeLessThan(validation.before.perplexity / 4)
    expect(made.stderr).toMatch(/^epoch 1: loss [\d.]+, of the answers held out [\d.]+$/m)
    expect(readdirSync(at('adapter')).sort()).toEqual(['adapter_config.json', 'adapter_model.safetensors'])
    expect(existsSync(at('adapter.unfinished'))).toBe(false)

    const merged = volant('instruct', chats, ...settings, '--out', at('whole'), '--merge')
    expect(merged.status, merged.stderr).toBe(0)
    expect(merged.stdout).toMatch(/^Learnt 36 conversations of \d+ tokens in .*\nAnswers held out: before loss .*\n/)
    const asked = ['Where 3?', '--chat', '--temperature', '0', '--max-tokens', '4']
    const answer = volant('generate', base, ...asked, '--adapter', at('adapter')).stdout
    expect(answer).toMatch(/^Here/)
    expect(volant('generate', at('whole'), ...asked).stdout).toBe(answer)
    const other = volant('generate', at('whole'), ...asked, '--adapter', at('adapter'))
    expect(other.stderr).toMatch(/^volant: .*the adapter belongs to ".*writer", whose weights have the sha256 .*\n$/)
    expect(volant('instruct', chats, ...settings, '--out', at('whole')).stderr).toMatch(/whole exists already/)
  })

  it('stopped by Ctrl-C goes on by the same command, to the same adapter', { timeout: 120_000 }, async () => {
    const args = ['instruct', chats, ...settings, '--epochs', '30', '--out']
    const child = spawn(process.execPath, [main, ...args, at('stopped')])
    let said = ''
    child.stderr.on('data', (chunk) => {
      const before = said
      said += chunk
      const begun = 'epoch 2:'
      if (said.includes(begun) && !before.includes(begun)) child.kill('SIGINT')
    })
    const [code] = await once(child, 'close')
    expect(code).toBe(130)
    expect(said).toMatch(/stopped after \d+ of \d+ updates; the same command goes on from .*stopped\.unfinished/)
    const resumed = volant(...args, at('stopped'))
    expect(resumed.stderr).toMatch(/^goes on after \d+ of \d+ updates/)
    expect(volant(...args, at('straight')).status).toBe(0)
    const weights = (name: string) => readFileSync(path.join(at(name), 'adapter_model.safetensors'))
    expect(weights('stopped').equals(weights('straight'))).toBe(true)
  })

  it.each([
    [[chats], 2, 'instruct needs --base'],
    [[chats, '--base', base], 2, 'instruct needs --out'],
    [[chats, '--base', base, '--out', at('x'), '--quantise', 'int8'], 2, 'as 4bit or float32, not int8'],
    [[at('none.jsonl'), '--base', base, '--out', at('x')], 1, 'none.jsonl" cannot be read (ENOENT)'],
    [
      [chats, '--base', base, '--out', at('x'), '--lora', '99'],
      1,
      'the rank is 99, expected a whole number from 1 to 16',
    ],
    [[chats, '--base', `${base}/../letters`, '--out', at('x')], 1, '"bert" is not known as a decoder'],
  ])('refuses %j', (args, code, message) => {
    const { status, stderr } = volant('instruct', ...args)
    expect(stderr).toContain(message)
    expect(stderr.trim().split('\n').length).toBe(1)
    expect(status).toBe(code)
  })
})
