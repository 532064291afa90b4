import { VolantError } from '@volant/data'
import { describe, expect, it } from 'vitest'
import { parseSpec, specJsonSchema } from './parse.js'

function problem(source: string): VolantError {
  try {
    parseSpec(source)
  } catch (error) {
    expect(error).toBeInstanceOf(VolantError)
    return error as VolantError
  }
  throw new Error('the spec was accepted')
}

describe('parseSpec', () => {
  it('reads YAML, takes a string as a type and fills in every default', () => {
    const spec = parseSpec(
      'inputs: {message: {type: text}, plan: category}\noutputs: {queue: {type: category, weight: 2}}\ntrain: {seed: 7, timeLimit: 5m}',
    )
    expect(spec).toEqual({
      inputs: {
        message: { type: 'text', maxCharacters: 20_000 },
        plan: { type: 'category', minCount: 1, maxValues: 10_000 },
      },
      outputs: { queue: { type: 'category', weight: 2 } },
      train: { seed: 7, timeLimit: 300, encoder: 'auto', split: null, refit: true },
    })
  })

  it('gives the same from an object, and a completed spec back unchanged', () => {
    const spec = parseSpec({ inputs: { age: 'number' }, outputs: { paid: 'boolean' } })
    expect(parseSpec(spec)).toEqual(spec)
    expect(parseSpec('inputs: {age: number}\noutputs: {paid: boolean}')).toEqual(spec)
  })

  it.each([
    ['inputs: {a: text}\noutputs: {b: category}\ntrain: {sed: 1}', 'train.sed', 'seed'],
    ['input: {a: text}\noutputs: {b: category}', 'input', 'inputs'],
    ['inputs: {a: {type: number, bin: 3}}\noutputs: {b: category}', 'inputs.a.bin', 'bins'],
    ['inputs: {a: text}\noutputs: {b: {type: category, positiv: x}}', 'outputs.b.positiv', 'positive'],
  ])('refuses an unknown key with its path and the nearest known one: %s', (source, path, nearest) => {
    const error = problem(source)
    expect(error.code).toBe('bad-spec')
    expect(error.details).toMatchObject({ path, nearest })
    expect(error.message).toContain(`did you mean "${nearest}"`)
  })

  it.each([
    ['inputs: {a: texte}\noutputs: {b: category}', /inputs\.a.*did you mean "text"/],
    ['inputs: {a: {type: txt}}\noutputs: {b: category}', /inputs\.a.*text/],
    ['inputs: {a: text}\noutputs: {b: text}', /outputs\.b.*category, number, boolean/],
    ['inputs: {}\noutputs: {b: category}', /inputs: at least one input/],
    ['inputs: {a: text}\noutputs: {a: category}', /"a" is an input too/],
    ['inputs: {a: text, a.ids: number}\noutputs: {b: category}', /"a\.ids" is taken by a tensor/],
    ['inputs: {a: text}\noutputs: {error: category}', /cannot be named "error"/],
    ['inputs: {a: text}\noutputs: {b: category}\ntrain: {timeLimit: soon}', /train\.timeLimit.*90s, 5m or 1h.*"soon"/],
    ['inputs: {a: text}\noutputs: {b: category}\ntrain: {split: [0.5, 0.1, 0.1]}', /train\.split.*sum to 1/],
    ['inputs: {a: text}\noutputs: {b: category}\ntrain: {encoder: ccn}', /train\.encoder.*did you mean "cnn"/],
    ['inputs: {a: text', /not readable YAML/],
    ['just words', /expected/],
    [
      'inputs: {a: text}\noutputs: {b: category}\ntrain: {learn: [norm]}',
      /train\.learn: it needs train\.base \(--base\): the model whose parts it names\.$/,
    ],
    [
      'inputs: {a: text}\noutputs: {b: category}\ntrain: {base: english, tune: top, learn: [norm]}',
      /train\.learn: it says itself what is learnt of the base: leave out tune \(top\)\.$/,
    ],
    [
      `a: &a [x,x,x,x,x,x,x,x,x]\n${[...'bcdefgh'].map((name, at) => `${name}: &${name} [${Array(9).fill(`*${'abcdefg'[at]}`)}]\n`).join('')}`,
      /^The spec is not readable YAML: .*alias.*\.$/i,
    ],
    [`inputs: {${'\u0001\u0002'.repeat(1000)}`, /^The spec is not readable YAML\P{Cc}{1,300}$/u],
  ])('refuses with a sentence: %s', (source, message) => {
    expect(problem(source).message).toMatch(message)
  })

  it('has a JSON schema with the words of the settings', () => {
    const schema = JSON.stringify(specJsonSchema())
    expect(schema).toContain('timeLimit')
    expect(schema).toContain('"text"')
    expect(schema).toContain('same model')
  })
})
