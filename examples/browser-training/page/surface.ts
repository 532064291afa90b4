import type { Tensor } from '@volant/graph'
import { placesOf } from '../src/lesson.js'
import type { Points } from '../src/points.js'

/** Colours of the classes: red, green, blue. */
const colours = [
  [18, 133, 120],
  [214, 107, 45],
  [92, 84, 190],
] as const
/** Places a side at which the model is asked. */
const SIDE = 72
const REACH = 1.08

/** The places to ask the model at, row by row from the top. */
export function gridPlaces(): Tensor {
  const at = (i: number) => REACH * ((2 * (i + 0.5)) / SIDE - 1)
  return placesOf(Array.from({ length: SIDE * SIDE }, (_, i) => [at(i % SIDE), -at(Math.floor(i / SIDE))]).flat())
}

/** Draws what the model thinks of every place, and the points over it. */
export class Surface {
  readonly #context: CanvasRenderingContext2D
  readonly #small = new OffscreenCanvas(SIDE, SIDE)

  constructor(readonly canvas: HTMLCanvasElement) {
    this.#context = canvas.getContext('2d')!
  }

  draw({ classes, places, labels }: Points, probabilities?: Float32Array): void {
    const { width, height } = this.canvas
    const context = this.#context
    context.clearRect(0, 0, width, height)
    if (probabilities) {
      this.#small.getContext('2d')!.putImageData(imageOf(probabilities, classes), 0, 0)
      context.imageSmoothingQuality = 'high'
      context.drawImage(this.#small, 0, 0, width, height)
    }
    const pixel = (value: number, size: number) => ((value / REACH + 1) / 2) * size
    context.lineWidth = width / 320
    context.strokeStyle = 'rgb(255 255 255 / 0.9)'
    labels.forEach((label, i) => {
      context.fillStyle = `rgb(${colours[label]!.join(' ')})`
      context.beginPath()
      context.arc(pixel(places[2 * i]!, width), height - pixel(places[2 * i + 1]!, height), width / 110, 0, 2 * Math.PI)
      context.fill()
      context.stroke()
    })
  }

  /** The share of the points whose class is the likeliest at the place of the grid nearest to them. */
  shareRight({ classes, places, labels }: Points, probabilities: Float32Array): number {
    const cell = (value: number) => Math.min(SIDE - 1, Math.max(0, Math.floor(((value / REACH + 1) / 2) * SIDE)))
    const right = labels.filter((label, i) => {
      const at = (SIDE - 1 - cell(places[2 * i + 1]!)) * SIDE + cell(places[2 * i]!)
      const shares = probabilities.subarray(at * classes, (at + 1) * classes)
      return shares[label] === Math.max(...shares)
    })
    return right.length / labels.length
  }
}

/** Each class by its colour, paler where the model is unsure, with a light line where two are equally likely. */
function imageOf(probabilities: Float32Array, classes: number): ImageData {
  const image = new ImageData(SIDE, SIDE)
  for (let i = 0; i < SIDE * SIDE; i++) {
    const shares = probabilities.subarray(i * classes, (i + 1) * classes)
    const [first, second] = [...shares].sort((a, b) => b - a)
    const strength = 0.12 + 0.5 * (first! - second!)
    for (let channel = 0; channel < 3; channel++) {
      const mixed = shares.reduce((sum, share, label) => sum + share * colours[label]![channel]!, 0)
      image.data[4 * i + channel] = 255 - strength * (255 - mixed)
    }
    image.data[4 * i + 3] = 255
  }
  return image
}
