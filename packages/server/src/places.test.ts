import { describe, expect, it } from 'vitest'
import { problemOf } from './errors.js'
import { placesHidden, withoutPlaces } from './places.js'

describe('places of the server', () => {
  const hide = placesHidden('/srv/my data (1)')

  it('are named neither in sentences nor in fields', () => {
    const file = '/srv/my data (1)/scratch/collect-x/a, b.csv'
    const problem = problemOf('disk-full', `The disk is full: "${file}" could not be written.`, {
      file,
      rows: [1, file],
    })
    expect(withoutPlaces(problem, hide)).toEqual({
      ...problem,
      detail: 'The disk is full: "…" could not be written.',
      file: undefined,
      rows: [1, null],
    })
    expect(hide('at /srv/my data (1)/x.json: broken')).toBe('at "…": broken')
  })

  it('leave other texts as they are', () => {
    const text = '"/srv/my data (1)2/a" and "/srv/other" and "tickets.csv"'
    expect(hide(text)).toBe(text)
  })
})
