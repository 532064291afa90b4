import { describe, expect, it } from 'vitest'
import { missingColumn, nearestName, readError, VolantError, writeError } from './errors.js'

describe('nearestName', () => {
  it.each([
    ['lable', ['text', 'label'], 'label'],
    ['Label', ['text', 'label'], 'label'],
    ['txt', ['text', 'label'], 'text'],
    ['custmer_naem', ['customer_name', 'customer_mail'], 'customer_name'],
    ['c', ['a', 'b'], undefined],
    ['price', ['queue', 'text'], undefined],
    ['x', [], undefined],
  ])('%s among %j is %s', (name, candidates, expected) => {
    expect(nearestName(name, candidates)).toBe(expected)
  })
})

describe('errors', () => {
  it('of a missing column name the nearest, or list the columns', () => {
    expect(missingColumn('lable', ['label'], '"a.csv"').message).toBe(
      'There is no column "lable" in "a.csv". Did you mean "label"?',
    )
    expect(missingColumn('q', ['label', 'text'], '"a.csv"').message).toBe(
      'There is no column "q" in "a.csv". The columns are: "label", "text".',
    )
    const many = Array.from({ length: 30 }, (_, at) => `some column ${at}`)
    expect(missingColumn('q', many, 'x').message).toMatch(/"some column 19" and 10 more\.$/)
  })

  it('of the system become sentences with codes, and keep their cause', () => {
    const cause = Object.assign(new Error('ENOSPC: no space left on device, write'), { code: 'ENOSPC' })
    expect(writeError(cause, 'a.csv')).toMatchObject({ code: 'disk-full', cause, details: { path: 'a.csv' } })
    expect(writeError(new Error('IO Error: Could not write: No space left on device'), 'x')).toMatchObject({
      code: 'disk-full',
    })
    expect(writeError(Object.assign(new Error('x'), { code: 'EACCES' }), 'x')).toMatchObject({ code: 'no-permission' })
    expect(readError(Object.assign(new Error('x'), { code: 'ENOENT' }), 'a.csv')).toMatchObject({
      code: 'file-not-found',
    })
    expect(readError(new Error('odd'), 'a.csv')).toMatchObject({
      code: 'unreadable-file',
      message: '"a.csv" could not be read: odd',
    })
    const own = new VolantError('no-rows', 'none')
    expect([readError(own, 'x'), writeError(own, 'x')]).toEqual([own, own])
  })
})
