import { Random } from '@volant/nn'

export type Shape = 'moons' | 'rings' | 'spirals'

/** Points of the plane, mostly within -1 … 1, each with its class. */
export interface Points {
  readonly classes: number
  /** x, y of each point in turn. */
  readonly places: Float32Array
  readonly labels: Int32Array
}

/** Where a point of a class lies without noise; `t` in 0 … 1 runs along the curve of the class. */
const curves: Record<Shape, { classes: number; noise: number; at(t: number, label: number): [number, number] }> = {
  moons: {
    classes: 2,
    noise: 0.07,
    at: (t, label) => {
      const angle = Math.PI * t
      return label === 0
        ? [0.62 * Math.cos(angle) - 0.28, 0.62 * Math.sin(angle) - 0.16]
        : [0.28 - 0.62 * Math.cos(angle), 0.16 - 0.62 * Math.sin(angle)]
    },
  },
  rings: {
    classes: 2,
    noise: 0.06,
    at: (t, label) => {
      const radius = label === 0 ? 0.3 : 0.75
      return [radius * Math.cos(2 * Math.PI * t), radius * Math.sin(2 * Math.PI * t)]
    },
  },
  spirals: {
    classes: 3,
    noise: 0.025,
    at: (t, label) => {
      const radius = 0.08 + 0.82 * t
      const angle = 4.2 * t + (label * 2 * Math.PI) / 3
      return [radius * Math.cos(angle), radius * Math.sin(angle)]
    },
  },
}

/** `count` points, the classes in turn; the same seed gives the same points on every machine. */
export function makePoints(shape: Shape, count: number, seed: number): Points {
  const { classes, noise, at } = curves[shape]
  const random = new Random(seed, `points/${shape}`)
  const places = new Float32Array(2 * count)
  const labels = Int32Array.from({ length: count }, (_, i) => i % classes)
  for (let i = 0; i < count; i++) {
    const place = at(random.uniform(), labels[i]!)
    for (const axis of [0, 1] as const) places[2 * i + axis] = place[axis] + noise * random.normal()
  }
  return { classes, places, labels }
}
