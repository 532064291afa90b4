import type { Graph } from '@volant/graph'
import type { DrawnGraph } from '../src/drawn-graph.js'

interface Box {
  readonly label: string
  readonly title: string
  readonly half: 'forward' | 'backward'
  /** An input, a parameter or a gradient rather than an operation. */
  readonly port: boolean
  /** Place among the layers of its half; the backward half runs from right to left. */
  layer: number
  readonly inputs: number[]
}

const [COLUMN, ROW, WIDTH, HEIGHT] = [96, 34, 84, 24]

/** The graph as SVG: the forward half above, from left to right; the backward half below, from right to left. */
export function drawGraph({ graph, forward }: DrawnGraph): string {
  const boxes = boxesOf(graph, forward)
  const halves = { forward: layersOf(boxes, 'forward'), backward: layersOf(boxes, 'backward') }
  const columns = Math.max(halves.forward.length, halves.backward.length)
  const width = columns * COLUMN + 12
  const top = Math.max(...halves.forward.map((layer) => layer.length)) * ROW + 8
  const places = new Map<number, readonly [number, number]>()
  for (const [half, layers] of Object.entries(halves))
    layers.forEach((layer, column) => {
      const share = layers.length === 1 ? 0.5 : column / (layers.length - 1)
      const along = COLUMN / 2 + 6 + share * (width - COLUMN - 12)
      layer.forEach((box, row) => {
        const offset = half === 'forward' ? top - (row + 0.5) * ROW : top + 26 + (row + 0.5) * ROW
        places.set(box, [half === 'forward' ? along : width - along, offset])
      })
    })
  const height = top + 34 + Math.max(...halves.backward.map((layer) => layer.length)) * ROW
  const edges = boxes.flatMap(({ inputs, half }, to) =>
    inputs.map((from) => {
      const kind = boxes[from]!.half === half ? half : 'saved'
      return `<g class="${kind}"><path d="${curve(places.get(from)!, places.get(to)!, kind)}"/></g>`
    }),
  )
  const shown = boxes.map(({ label, title, half, port }, i) => {
    const [x, y] = places.get(i)!
    const corner = port ? HEIGHT / 2 : 5
    const kind = `${half}${port ? ' port' : ''}${label.length > 14 ? ' long' : ''}`
    return `<g class="${kind}"><title>${title}</title><rect x="${x - WIDTH / 2}" y="${y - HEIGHT / 2}" width="${WIDTH}" height="${HEIGHT}" rx="${corner}"/><text x="${x}" y="${y}">${label}</text></g>`
  })
  // The dashed ones lie below the others.
  const sorted = edges.sort((a, b) => Number(b.includes('"saved"')) - Number(a.includes('"saved"')))
  return `<svg viewBox="0 0 ${width} ${height}" role="img">${sorted.join('')}${shown.join('')}</svg>`
}

function boxesOf(graph: Graph, forward: number): Box[] {
  const boxes: Box[] = []
  /** The box that makes a value. */
  const makers = new Map<number, number>()
  const typed = (value: number) => {
    const { dtype, shape } = graph.values[value]!
    return `${dtype} [${shape.join(', ')}]`
  }
  const add = (box: Omit<Box, 'layer' | 'inputs'>, inputs: readonly number[], outputs: readonly number[]) => {
    for (const value of outputs) makers.set(value, boxes.length)
    const from = inputs.flatMap((value) => makers.get(value) ?? [])
    boxes.push({ ...box, layer: 0, inputs: [...new Set(from)] })
  }
  const port = (label: string, value: number) => ({ label, title: `${label}: ${typed(value)}`, port: true })
  for (const { name, value } of graph.inputs) add({ ...port(name, value), half: 'forward' }, [], [value])
  for (const { path, value } of graph.parameters)
    add({ ...port(short(path), value), title: `${path}: ${typed(value)}`, half: 'forward' }, [], [value])
  graph.nodes.forEach(({ op, path, inputs, outputs }, i) => {
    const title = `${path ? `${path} ` : ''}${op} → ${outputs.map(typed).join(', ')}`
    add({ label: op, title, half: i < forward ? 'forward' : 'backward', port: false }, inputs, outputs)
  })
  for (const { name, value } of graph.outputs)
    if (name !== 'loss')
      add({ ...port(short(name), value), title: `${name}: ${typed(value)}`, half: 'backward' }, [value], [])
  for (const half of ['forward', 'backward'] as const) assignLayers(boxes, half)
  return boxes
}

/** layers.0.weight -> 0.weight: there is room for no more. */
const short = (path: string) => path.replace('layers.', '')

/** The longest way from the first box of its half; what starts a way of its own stands right before what uses it. */
function assignLayers(boxes: readonly Box[], half: Box['half']): void {
  const own = (i: number) => boxes[i]!.half === half
  const started = new Set<number>()
  const seed = boxes.findIndex((box) => box.half === half && (half === 'backward' || box.label === 'x'))
  boxes.forEach((box, i) => {
    const before = box.inputs.filter((from) => own(from) && started.has(from))
    if (!own(i) || (before.length === 0 && i !== seed)) return
    started.add(i)
    box.layer = before.reduce((layer, from) => Math.max(layer, boxes[from]!.layer + 1), 0)
  })
  for (let i = boxes.length - 1; i >= 0; i--) {
    if (!own(i) || started.has(i)) continue
    const after = boxes.filter((box) => box.half === half && box.inputs.includes(i)).map(({ layer }) => layer)
    boxes[i]!.layer = Math.max(0, Math.min(...after) - 1)
  }
}

/** Numbers of the boxes of each layer; operations nearest to the middle of the picture. */
function layersOf(boxes: readonly Box[], half: Box['half']): number[][] {
  const layers: number[][] = []
  boxes.forEach((box, i) => {
    if (box.half !== half) return
    layers[box.layer] ??= []
    layers[box.layer]!.push(i)
  })
  const rank = (i: number) => Number(boxes[i]!.port)
  return layers.map((layer) => layer.sort((a, b) => rank(a) - rank(b)))
}

function curve([x0, y0]: readonly [number, number], [x1, y1]: readonly [number, number], kind: string): string {
  if (kind === 'saved') return `M${x0},${y0} C${x0},${(y0 + y1) / 2} ${x1},${(y0 + y1) / 2} ${x1},${y1}`
  const bend = (x0 + x1) / 2
  return `M${x0},${y0} C${bend},${y0} ${bend},${y1} ${x1},${y1}`
}
