import { createHash } from 'node:crypto'

/** Things with an id in an order that looks random and is the same for the same seed: by the SHA-256 of seed and id. */
export function inRandomOrder<T>(items: readonly T[], idOf: (item: T) => string, seed: string): T[] {
  return items
    .map((item) => ({
      item,
      place: createHash('sha256')
        .update(`${seed} ${idOf(item)}`)
        .digest('hex'),
    }))
    .sort((a, b) => (a.place < b.place ? -1 : 1))
    .map(({ item }) => item)
}
