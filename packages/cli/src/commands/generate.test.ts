import { type SpawnSyncReturns, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
/** A decoder of random weights whose tokens are bytes. */
const model = fileURLToPath(new URL('../../../models/test/fixtures/writer', import.meta.url))

function generate(args: string[], input = ''): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, [main, 'generate', ...args], { encoding: 'utf8', input, timeout: 60_000 })
}

describe('volant generate', () => {
  it('writes on from an argument as from stdin, the same for the same seed', () => {
    const options = ['--max-tokens', '20', '--seed', '3', '--top-k', '100', '--temperature', '0.9']
    const first = generate([model, 'a text', ...options])
    expect(first.status, first.stderr).toBe(0)
    expect(first.stdout.length).toBeGreaterThan(5)
    expect(generate([model, ...options], 'a text\n').stdout).toBe(first.stdout)
    expect(generate([model, 'a text', ...options, '--seed', '4']).stdout).not.toBe(first.stdout)
  })

  it("puts a question by the model's chat template, and ends before stop texts", () => {
    const options = ['--max-tokens', '30', '--seed', '5']
    const plain = generate([model, 'system: Be brief.\nuser: a text\nassistant: ', ...options]).stdout
    const asked = generate([model, 'a text', '--chat', '--system', 'Be brief.', ...options])
    expect(asked.status, asked.stderr).toBe(0)
    expect(asked.stdout).toBe(plain)
    const [early, late] = [plain.slice(4, 6), plain.slice(9, 11)]
    const cut = generate([
      model,
      'a text',
      '--chat',
      '--system',
      'Be brief.',
      ...options,
      '--stop',
      late,
      '--stop',
      early,
    ])
    expect(cut.stdout).toBe(`${plain.slice(0, plain.indexOf(early))}\n`)
  })

  it.each(['int8', '4bit'])('runs with weights as %s', (form) => {
    const { status, stderr, stdout } = generate([
      model,
      'a text',
      '--quantise',
      form,
      '--threads',
      '1',
      '--max-tokens',
      '5',
    ])
    expect(status, stderr).toBe(0)
    expect(stdout.length).toBeGreaterThan(1)
  })

  it('holds the text to a JSON schema, whatever the model would write', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'volant-generate-'))
    const file = path.join(folder, 'city.json')
    const properties = {
      city: { type: 'string', maxLength: 12 },
      kind: { enum: ['capital', 'town'] },
      people: { type: 'integer' },
    }
    writeFileSync(file, JSON.stringify({ type: 'object', properties, required: ['city', 'kind'] }))
    for (const seed of ['1', '2', '3']) {
      const options = ['--json-schema', file, '--max-tokens', '120', '--seed', seed]
      const { status, stdout, stderr } = generate([model, 'Paris is', ...options])
      expect(status, stderr).toBe(0)
      const { city, kind, people, ...others } = JSON.parse(stdout)
      expect(typeof city).toBe('string')
      expect(Array.from(city).length).toBeLessThanOrEqual(12)
      expect(['capital', 'town']).toContain(kind)
      expect(people === undefined || Number.isInteger(people)).toBe(true)
      expect(others).toEqual({})
    }
    writeFileSync(file, JSON.stringify({ type: 'object', patternProperties: {} }))
    expect(generate([model, 'x', '--json-schema', file]).stderr).toMatch(
      /the keyword "patternProperties", which is not known/,
    )
    rmSync(folder, { recursive: true })
  })

  it('ends at Ctrl-C', { retry: 3 }, async () => {
    const child = spawn(process.execPath, [main, 'generate', model, 'a text', '--max-tokens', '300'])
    child.stdout.once('data', () => child.kill('SIGINT'))
    let said = ''
    child.stderr.on('data', (chunk) => {
      said += chunk
    })
    const [code] = await once(child, 'close')
    expect([code, said]).toEqual([130, 'volant: stopped; nothing half-done was kept\n'])
  })

  it.each([
    [['--system', 'x'], 2, '--system needs --chat'],
    [['--top-p', '2'], 2, 'expected a number above 0 and at most 1, found "2"'],
    [['--temperature', '-1'], 2, 'expected a number of at least 0, found "-1"'],
    [['--revision', 'main'], 2, 'is here, --revision is for names on the hub'],
  ])('refuses %j', (args, code, message) => {
    const { status, stderr } = generate([model, 'a text', ...args])
    expect(stderr).toContain(message)
    expect(status).toBe(code)
  })

  it('refuses an empty prompt, one that is too long, and what is no decoder, in one sentence', () => {
    expect(generate([model], ' \n').stderr).toBe('volant: the prompt is empty (see --help)\n')
    expect(generate([model, 'x'.repeat(400)]).stderr).toMatch(/^volant: The prompt has 400 tokens, .*\n$/)
    expect(generate([`${model}/../letters`, 'x']).stderr).toMatch(/^volant: .*"bert" is not known as a decoder.*\n$/)
  })
})
