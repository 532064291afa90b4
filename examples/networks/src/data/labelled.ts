/** Labelled examples of one shape, one after another: pictures, or spectrograms as pictures of one channel. */
export interface Labelled {
  readonly values: Uint8Array | Float32Array
  readonly labels: Uint8Array
  readonly shape: readonly [channels: number, height: number, width: number]
  readonly classes: readonly string[]
  /** Value of the background, seen where an example is shifted beyond its edge. */
  readonly blank: number
}

/** A data set of two parts of one shape. */
export interface Parts {
  readonly train: Labelled
  readonly test: Labelled
}

export const sizeOf = ({ shape: [channels, height, width] }: Labelled): number => channels * height * width

/** Mean and standard deviation of each channel. */
export interface Scale {
  readonly mean: readonly number[]
  readonly deviation: readonly number[]
}

/** The scale of a training part; other parts are scaled by the same. */
export function scaleOf({ values, labels, shape: [channels, height, width] }: Labelled): Scale {
  const area = height * width
  const scale = Array.from({ length: channels }, (_, channel) => {
    let [sum, squares] = [0, 0]
    for (let row = 0; row < labels.length; row++)
      for (let i = 0, at = (row * channels + channel) * area; i < area; i++, at++) {
        sum += values[at]!
        squares += values[at]! ** 2
      }
    const count = labels.length * area
    return { mean: sum / count, deviation: Math.sqrt(squares / count - (sum / count) ** 2) || 1 }
  })
  return { mean: scale.map(({ mean }) => mean), deviation: scale.map(({ deviation }) => deviation) }
}
