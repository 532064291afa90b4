/** A row and its similarity. */
export interface Neighbour {
  readonly row: number
  readonly similarity: number
}

/** Products of a vector [width] with vectors [rows] of its width; cosines where all have length 1. */
export function products(vector: Float32Array, vectors: readonly Float32Array[]): Float32Array {
  return Float32Array.from(vectors, (other) => {
    // Four sums at once, as each addition waits for the one before it.
    let [a, b, c, d] = [0, 0, 0, 0]
    let i = 0
    for (; i + 3 < vector.length; i += 4) {
      a += vector[i]! * other[i]!
      b += vector[i + 1]! * other[i + 1]!
      c += vector[i + 2]! * other[i + 2]!
      d += vector[i + 3]! * other[i + 3]!
    }
    for (; i < vector.length; i++) a += vector[i]! * other[i]!
    return a + b + c + d
  })
}

/** The `count` most similar of vectors of length 1, best first, by comparison with all of them. */
export function nearest(vector: Float32Array, vectors: readonly Float32Array[], count: number): Neighbour[] {
  const found = products(vector, vectors)
  const order = Array.from(found, (_, row) => row).sort((a, b) => found[b]! - found[a]! || a - b)
  return order.slice(0, count).map((row) => ({ row, similarity: found[row]! }))
}
