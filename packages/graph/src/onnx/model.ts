import type { DType, Tensor } from '../tensor.js'

/** An ONNX attribute. Whole numbers must say whether they are int or float, so each has its kind. */
export type OnnxAttribute =
  | { kind: 'int'; value: number }
  | { kind: 'float'; value: number }
  | { kind: 'string'; value: string }
  | { kind: 'ints'; value: readonly number[] }
  | { kind: 'floats'; value: readonly number[] }
  | { kind: 'strings'; value: readonly string[] }
  | { kind: 'tensor'; value: Tensor }
  | { kind: 'graph'; value: OnnxGraph }

export interface OnnxNode {
  name: string
  opType: string
  /** '' is the standard domain. */
  domain: string
  /** '' stands for an optional input that is left out. */
  inputs: readonly string[]
  outputs: readonly string[]
  attributes: Readonly<Record<string, OnnxAttribute>>
}

/** A dim is a number or a name (free text for ONNX). */
export interface OnnxValueInfo {
  name: string
  dtype: DType
  shape: readonly (number | string)[]
  /** True for a sequence of such tensors. */
  sequence?: boolean
}

export interface OnnxGraph {
  name: string
  nodes: readonly OnnxNode[]
  inputs: readonly OnnxValueInfo[]
  outputs: readonly OnnxValueInfo[]
  initializers: ReadonlyMap<string, Tensor>
}

/** The values a node reads: its inputs, and what the graphs among its attributes (loop bodies) take from outside. */
export function readsOf(node: OnnxNode): string[] {
  const bodies = Object.values(node.attributes).flatMap((a) => (a.kind === 'graph' ? [a.value] : []))
  return [...node.inputs, ...bodies.flatMap(capturedBy)].filter((name) => name !== '')
}

function capturedBy({ nodes, inputs, outputs, initializers }: OnnxGraph): string[] {
  const own = new Set([...inputs.map((i) => i.name), ...initializers.keys(), ...nodes.flatMap((n) => n.outputs)])
  return [...nodes.flatMap(readsOf), ...outputs.map((o) => o.name)].filter((name) => !own.has(name))
}

/** The domains other than the standard one whose ops the graph uses, e.g. `com.microsoft`; each is at its version 1. */
export function domainsOf({ nodes }: OnnxGraph): string[] {
  const inBodies = nodes.flatMap(({ attributes }) =>
    Object.values(attributes).flatMap((a) => (a.kind === 'graph' ? domainsOf(a.value) : [])),
  )
  return [...new Set([...nodes.map((node) => node.domain).filter((domain) => domain !== ''), ...inBodies])]
}

/** An ONNX file as plain data. */
export interface OnnxModel {
  irVersion: number
  opset: number
  producer: string
  graph: OnnxGraph
  metadata: Readonly<Record<string, string>>
}
