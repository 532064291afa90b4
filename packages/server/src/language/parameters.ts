import { refuse } from '../errors.js'

type Body = Readonly<Record<string, unknown>>

/** Parameters of OpenAI's API that are not supported, each with the values that ask for nothing. */
const unsupported: Readonly<Record<string, readonly unknown[]>> = {
  audio: [],
  best_of: [1],
  echo: [false],
  frequency_penalty: [0],
  function_call: ['none', 'auto'],
  functions: [[]],
  logit_bias: [{}],
  logprobs: [false, 0],
  modalities: [['text']],
  n: [1],
  prediction: [],
  presence_penalty: [0],
  suffix: [''],
  tool_choice: ['none', 'auto'],
  tools: [[]],
  top_logprobs: [0],
  web_search_options: [],
}

/** Parameters that change nothing here: how the request is filed, priced or shown. */
const ignored = new Set([
  'metadata',
  'parallel_tool_calls',
  'prompt_cache_key',
  'reasoning_effort',
  'safety_identifier',
  'service_tier',
  'store',
  'user',
  'verbosity',
])

/** Refuses, by name, what a request asks for beside `known`. Throws `unsupported-parameter`. */
export function checkParameters(body: Body, known: readonly string[]): void {
  for (const [name, value] of Object.entries(body)) {
    if (known.includes(name) || ignored.has(name) || value === null) continue
    const neutral = Object.hasOwn(unsupported, name) ? unsupported[name]! : undefined
    if (neutral?.some((one) => JSON.stringify(one) === JSON.stringify(value))) continue
    const one = neutral?.find((one) => typeof one !== 'object')
    const sentence = neutral
      ? `"${name}" is not supported${one === undefined ? '' : ` other than ${JSON.stringify(one)}`}; leave it out.`
      : `"${name.slice(0, 80)}" is not a parameter of this route; it has ${known.join(', ')}.`
    throw refuse('unsupported-parameter', sentence, { param: name.slice(0, 80) })
  }
}
