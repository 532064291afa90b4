import { expect, it } from 'vitest'
import { parseSpec } from '../spec/parse.js'
import { readRows } from './rows.js'

it('takes an input that is named like a property of every object for missing where the row has none', () => {
  const spec = parseSpec({ inputs: { constructor: 'category', plan: 'category' }, outputs: { queue: 'category' } })
  const { inputs, errors } = readRows(spec, [{ plan: 'pro' }, { plan: 'free', constructor: 'me' }])
  expect(errors).toEqual([])
  expect(inputs['constructor']).toEqual([null, 'me'])
})
