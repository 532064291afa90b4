import { encodeOnnx, type GraphBuilder, lower, type Tensor, type Value } from '@volant/graph'
import { openSession } from './session.js'

/** A number, or an array of these for every dimension. */
export type Nested = number | readonly Nested[]

/**
 * Runs the graph of the given values once, on the CPU, and resolves to their numbers: a scalar as a number, a matrix as an array
 * of rows. For lessons, experiments and tests; a training or a service keeps its session (`createRuntime`, `openSession`).
 * `feeds` holds inputs and parameters by name or path. Throws NnError `bad-feed` naming an input that is not fed.
 */
export async function compute<Name extends string>(
  values: Readonly<Record<Name, Value>>,
  feeds: Readonly<Record<string, Tensor>> = {},
): Promise<Record<Name, Nested>> {
  const names = Object.keys(values) as Name[]
  if (names.length === 0) return {} as Record<Name, Nested>
  const builder = values[names[0]!].builder as GraphBuilder
  const graph = builder.build(names.map((name) => ({ name, value: values[name].id })))
  const used = new Set([...graph.nodes.flatMap(({ inputs }) => inputs), ...graph.outputs.map(({ value }) => value)])
  const inputs = graph.inputs.filter(({ value }) => used.has(value))
  const parameters = graph.parameters.filter(({ value }) => used.has(value))
  const model = lower({ ...graph, inputs, parameters }, { opset: 18, provider: 'cpu', mode: 'train' })
  const session = await openSession(encodeOnnx(model))
  try {
    const results = await session.run(feeds)
    return Object.fromEntries(names.map((name) => [name, nest(results[name]!)])) as Record<Name, Nested>
  } finally {
    await session.release()
  }
}

function nest({ dims, data }: Tensor): Nested {
  const numbers = Array.from(data as Float32Array, Number)
  return dims.reduceRight<Nested[]>(
    (items, dim) => Array.from({ length: items.length / dim }, (_, i) => items.slice(i * dim, (i + 1) * dim)),
    numbers,
  )[0]!
}
