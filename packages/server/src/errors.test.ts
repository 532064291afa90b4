import { readFileSync } from 'node:fs'
import { VolantError } from '@volant/data'
import { describe, expect, it } from 'vitest'
import { problemFor } from './app.js'
import { problemOf, problems } from './errors.js'

const page = readFileSync(new URL('../../../docs/errors.md', import.meta.url), 'utf8')
/** Rows `| code | status | sentence |` of the docs page. */
const documented = new Map(
  [...page.matchAll(/^\| `([a-z-]+)` \| (\d{3}) \| (.+) \|$/gm)].map(([, code, status, title]) => [
    code,
    { status: Number(status), title },
  ]),
)

describe('problem documents', () => {
  it('are documented, all of them, with their status and sentence', () => {
    for (const [code, { status, title }] of Object.entries(problems))
      expect({ code, ...documented.get(code) }).toEqual({ code, status, title })
  })

  it('are in the table, all that are documented', () => {
    expect([...documented.keys()].filter((code) => !Object.hasOwn(problems, code!))).toEqual([])
  })

  it('take codes of the lower packages as bad requests and keep their details', () => {
    const problem = problemFor(
      new VolantError('one-class', 'The output "a" has one class only.', { output: 'a', status: 999 }),
    )
    expect(problem).toMatchObject({
      status: 400,
      code: 'one-class',
      detail: 'The output "a" has one class only.',
      output: 'a',
    })
    expect(problem.type).toBe('urn:volant:problem:one-class')
  })

  it('say nothing of what was not expected', () => {
    const problem = problemFor(new Error('secret password'))
    expect(problem).toMatchObject({ status: 500, code: 'internal' })
    expect(JSON.stringify(problem)).not.toContain('secret')
  })

  it('lets no extension take the place of a field of the standard', () => {
    expect(problemOf('bad-request', 'said', { status: 1, title: 'x', type: 'y', detail: 'z' })).toMatchObject({
      status: 400,
      detail: 'said',
    })
  })
})
