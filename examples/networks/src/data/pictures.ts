import path from 'node:path'
import { readPlainCsv } from './csv.js'
import { readIdx } from './idx.js'
import type { Labelled, Parts } from './labelled.js'
import { readTar } from './tar.js'

/** Fashion-MNIST (Xiao et al. 2017): 60,000 and 10,000 grey pictures of 28 x 28, ten kinds of clothing. */
export function fashionMnist(folder: string): Parts {
  const part = (name: string): Labelled => {
    const images = readIdx(path.join(folder, 'fashion_mnist', `${name}-images-idx3-ubyte.gz`))
    const { bytes: labels } = readIdx(path.join(folder, 'fashion_mnist', `${name}-labels-idx1-ubyte.gz`))
    const [rows, height, width] = images.dims
    if (rows !== labels.length) throw new Error(`fashion_mnist: ${rows} pictures, but ${labels.length} labels`)
    return { values: images.bytes, labels, shape: [1, height!, width!], classes: CLOTHING, blank: 0 }
  }
  return { train: part('train'), test: part('t10k') }
}

const CLOTHING = 'T-shirt,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot'.split(',')

/** Handwritten digits of UCI's optdigits: 1,438 and 359 pictures of 8 x 8, values 0 to 16. */
export function digits(folder: string): Parts {
  const part = (name: string): Labelled => {
    const rows = readPlainCsv(path.join(folder, 'digits_8x8', `${name}.csv`))
    const pixels = Object.keys(rows[0]!).filter((column) => column !== 'label')
    const values = Uint8Array.from(rows.flatMap((row) => pixels.map((pixel) => Number(row[pixel]))))
    const labels = Uint8Array.from(rows, ({ label }) => Number(label))
    return { values, labels, shape: [1, 8, 8], classes: [...'0123456789'], blank: 0 }
  }
  return { train: part('train'), test: part('test') }
}

/**
 * A part of CIFAR-10 (Krizhevsky 2009): 20,000 and 10,000 colour pictures of 32 x 32, stored as JPEG; at most `limit` of each
 * part, in the order of the index.
 */
export async function cifar10(folder: string, limit = Number.POSITIVE_INFINITY): Promise<Parts> {
  const { default: sharp } = await import('sharp')
  const index = readPlainCsv(path.join(folder, 'cifar10_part', 'index.csv'))
  const classes = [...new Set(index.map(({ label }) => label!))].sort()
  const area = 32 * 32
  const part = async (name: string): Promise<Labelled> => {
    const rows = index.filter(({ split }) => split === name).slice(0, limit)
    const files = readTar(path.join(folder, 'cifar10_part', `${name}.tar.gz`))
    const values = new Uint8Array(rows.length * 3 * area)
    const decode = async ({ file }: Record<string, string>, row: number) => {
      const bytes = files.get(file!)
      if (!bytes) throw new Error(`cifar10_part: index.csv names ${file}, which is not in ${name}.tar.gz`)
      const { data, info } = await sharp(bytes)
        .removeAlpha()
        .toColourspace('srgb')
        .raw()
        .toBuffer({ resolveWithObject: true })
      if (info.width !== 32 || info.height !== 32 || info.channels !== 3)
        throw new Error(
          `${file}: expected 32 x 32 in 3 channels, found ${info.width} x ${info.height} in ${info.channels}`,
        )
      for (let pixel = 0; pixel < area; pixel++)
        for (let channel = 0; channel < 3; channel++)
          values[(row * 3 + channel) * area + pixel] = data[pixel * 3 + channel]!
    }
    for (let from = 0; from < rows.length; from += 64)
      await Promise.all(rows.slice(from, from + 64).map((row, i) => decode(row, from + i)))
    const labels = Uint8Array.from(rows, ({ label }) => classes.indexOf(label!))
    return { values, labels, shape: [3, 32, 32], classes, blank: 0 }
  }
  return { train: await part('train'), test: await part('test') }
}
