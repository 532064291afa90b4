import { printShape } from './dims.js'
import type { Attributes, Graph } from './graph.js'

/** A graph as text, one line a value: for people to read and tests to compare. Values are numbered in order of appearance. */
export function printGraph(graph: Graph): string {
  const numbers = new Map<number, string>()
  const name = (value: number) => {
    if (!numbers.has(value)) numbers.set(value, `%${numbers.size}`)
    return numbers.get(value)!
  }
  const typed = (value: number) => {
    const { dtype, shape } = graph.values[value]!
    return `${dtype}${printShape(shape)}`
  }
  const lines = [
    `graph ${graph.name}`,
    ...graph.inputs.map((i) => `input ${name(i.value)} ${i.name}: ${typed(i.value)}`),
    ...graph.parameters.map(
      (p) => `parameter ${name(p.value)} ${p.path}: ${typed(p.value)}${p.trainable ? '' : ' frozen'}`,
    ),
    ...graph.constants.map((c) => {
      const { data } = c.tensor
      const shown = data.length <= 8 ? `[${[...data].join(', ')}]` : `${data.length} elements`
      return `constant ${name(c.value)}: ${typed(c.value)} = ${data.length === 1 ? data[0] : shown}`
    }),
  ]
  let path = ''
  for (const node of graph.nodes) {
    if (node.path !== path) lines.push(`# ${node.path || '(top)'}`)
    path = node.path
    const left = node.outputs.map((id) => `${name(id)}: ${typed(id)}`).join(', ')
    lines.push(`${left} = ${node.op}(${node.inputs.map(name).join(', ')})${printAttributes(node.attributes)}`)
  }
  lines.push(...graph.outputs.map((o) => `output ${o.name} = ${name(o.value)}: ${typed(o.value)}`))
  return `${lines.join('\n')}\n`
}

function printAttributes(attributes: Attributes): string {
  const shown = Object.entries(attributes).filter(([, value]) => value !== undefined)
  if (shown.length === 0) return ''
  return ` {${shown.map(([key, value]) => `${key}: ${Array.isArray(value) ? printShape(value) : value}`).join(', ')}}`
}
