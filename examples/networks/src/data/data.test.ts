import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { Random } from '@volant/nn'
import { afterAll, describe, expect, it } from 'vitest'
import { type Augmentation, scaledBatch } from './augment.js'
import { readIdx } from './idx.js'
import { type Labelled, scaleOf } from './labelled.js'
import { fourier, logMel } from './mel.js'
import { cifar10, digits, fashionMnist } from './pictures.js'
import { spokenDigits } from './sounds.js'
import { readTar } from './tar.js'
import { readWav } from './wav.js'

const folder = mkdtempSync(path.join(tmpdir(), 'volant-readers-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))
const written = (name: string, bytes: Uint8Array) => {
  const file = path.join(folder, name)
  writeFileSync(file, gzipSync(bytes))
  return file
}

describe('readers', () => {
  it('read IDX, and refuse one that is cut short', () => {
    const idx = Uint8Array.of(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 6)
    expect(readIdx(written('a', idx))).toEqual({ dims: [2, 3], bytes: Uint8Array.of(1, 2, 3, 4, 5, 6) })
    expect(() => readIdx(written('b', idx.subarray(0, 16)))).toThrow('expected 6 bytes of data, found 4')
    expect(() => readIdx(written('c', Uint8Array.of(0, 0, 9, 0)))).toThrow('IDX file of unsigned bytes')
  })

  it('read tar: files of any size, names with a prefix, no folders', () => {
    const header = (name: string, size: number, type: string, prefix = '') => {
      const block = Buffer.alloc(512)
      block.write(name, 0)
      block.write(size.toString(8).padStart(11, '0'), 124)
      block.write(type, 156)
      block.write(prefix, 345)
      return block
    }
    const data = Buffer.alloc(1024, 7)
    const tar = Buffer.concat([
      header('folder/', 0, '5'),
      header('long.txt', 600, '0', 'folder'),
      data,
      header('empty', 0, '0'),
      Buffer.alloc(1024),
    ])
    const files = readTar(written('d', tar))
    expect([...files].map(([name, { length }]) => [name, length])).toEqual([
      ['folder/long.txt', 600],
      ['empty', 0],
    ])
  })

  it('read WAV, skip what is not sound, and refuse what is not mono PCM', () => {
    const chunk = (tag: string, body: Buffer) => {
      const size = Buffer.alloc(4)
      size.writeUInt32LE(body.length)
      return Buffer.concat([Buffer.from(tag), size, body])
    }
    const format = (channels: number) => {
      const body = Buffer.alloc(16)
      body.writeUInt16LE(1, 0)
      body.writeUInt16LE(channels, 2)
      body.writeUInt32LE(8000, 4)
      body.writeUInt16LE(16, 14)
      return chunk('fmt ', body)
    }
    const sound = chunk('data', Buffer.from(Int16Array.of(0, 16384, -32768).buffer))
    const wave = (channels: number) =>
      chunk('RIFF', Buffer.concat([Buffer.from('WAVE'), format(channels), chunk('LIST', Buffer.alloc(4)), sound]))
    expect(readWav('x', wave(1))).toEqual({ rate: 8000, samples: Float32Array.of(0, 0.5, -1) })
    expect(() => readWav('x', wave(2))).toThrow('x: expected mono 16-bit PCM WAV, found format 1, 2 channels, 16 bits')
    expect(() => readWav('x', Buffer.from('nothing'))).toThrow('no RIFF WAVE header')
  })
})

describe('log-mel', () => {
  it('rests on the Fourier transform', () => {
    const size = 16
    const signal = Float64Array.from({ length: size }, (_, i) => Math.sin(i * i))
    const [real, imaginary] = [signal.slice(), new Float64Array(size)]
    fourier(real, imaginary)
    for (let k = 0; k < size; k++) {
      let [re, im] = [0, 0]
      signal.forEach((value, i) => {
        re += value * Math.cos((2 * Math.PI * i * k) / size)
        im -= value * Math.sin((2 * Math.PI * i * k) / size)
      })
      expect(real[k]).toBeCloseTo(re, 10)
      expect(imaginary[k]).toBeCloseTo(im, 10)
    }
  })

  it('is largest in the band of a pure tone', () => {
    const [rate, bands] = [8000, 40]
    const tone = (hertz: number) =>
      Float32Array.from({ length: rate / 4 }, (_, i) => Math.sin((2 * Math.PI * hertz * i) / rate))
    const loudest = (hertz: number) => {
      const { frames, values } = logMel(tone(hertz), { rate, window: 256, hop: 80, bands })
      expect(frames).toBe(1 + Math.floor((2000 - 256) / 80))
      const first = Array.from({ length: bands }, (_, band) => values[band * frames]!)
      return first.indexOf(Math.max(...first))
    }
    // Band b is centred at mel (b + 1) / 41 of 2146.06 (4 kHz): 1000 Hz is mel 999.99, 3000 Hz is 1876.
    expect(loudest(1000)).toBe(18)
    expect(loudest(3000)).toBe(35)
  })
})

describe('augmentation', () => {
  const set: Labelled = {
    values: Uint8Array.of(1, 2, 3, 4, 5, 6, 10, 20, 30, 40, 50, 60),
    labels: Uint8Array.of(0, 1),
    shape: [1, 2, 3],
    classes: ['a', 'b'],
    blank: 0,
  }
  const plain = { mean: [0], deviation: [1] }
  const seen = (by: Augmentation) =>
    new Set(
      Array.from({ length: 200 }, (_, i) =>
        scaledBatch(set, Int32Array.of(0), plain, { by, random: new Random(i) }).join(),
      ),
    )

  it('scales to mean 0 and deviation 1', () => {
    const batch = scaledBatch(set, Int32Array.of(0, 1), scaleOf(set))
    expect(batch.reduce((a, b) => a + b, 0)).toBeCloseTo(0, 5)
    expect(batch.reduce((a, b) => a + b * b, 0) / batch.length).toBeCloseTo(1, 5)
    expect([...scaledBatch(set, Int32Array.of(1), plain)]).toEqual([10, 20, 30, 40, 50, 60])
  })

  it('flips, shifts and erases', () => {
    expect([...seen({ flip: true })].sort()).toEqual(['1,2,3,4,5,6', '3,2,1,6,5,4'])
    expect([...seen({ shift: [0, 1] })].sort()).toEqual(['0,1,2,0,4,5', '1,2,3,4,5,6', '2,3,0,5,6,0'])
    expect([...seen({ shift: [1, 0] })].sort()).toEqual(['0,0,0,1,2,3', '1,2,3,4,5,6', '4,5,6,0,0,0'])
    expect([...seen({ erase: [[2, 2]] })].sort()).toEqual(['0,0,3,0,0,6', '1,0,0,4,0,0'])
  })
})

const data = fileURLToPath(new URL('../../../../../shared/data', import.meta.url))
const expectParts = (parts: { train: Labelled; test: Labelled }, rows: number[], shape: number[]) => {
  expect([parts.train.labels.length, parts.test.labels.length]).toEqual(rows)
  for (const set of [parts.train, parts.test]) {
    expect(set.shape).toEqual(shape)
    expect(set.values.length).toBe(set.labels.length * shape.reduce((a, b) => a * b))
    expect([...new Set(set.labels)].sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
  }
}

describe.skipIf(!existsSync(data))('data sets of ../shared/data (skipped without it)', () => {
  it('have the published sizes', async () => {
    expectParts(digits(data), [1438, 359], [1, 8, 8])
    expectParts(fashionMnist(data), [60000, 10000], [1, 28, 28])
    expectParts(spokenDigits(data), [2700, 300], [1, 40, 64])
  })

  it('decode JPEG', async () => {
    const { train, test } = await cifar10(data, 1010)
    expect([train.labels.length, test.labels.length, train.values.length]).toEqual([1010, 1010, 1010 * 3 * 32 * 32])
    expect([train.classes[test.labels[0]!], train.classes[test.labels[1009]!]]).toEqual(['airplane', 'automobile'])
    // Aeroplanes fly in blue skies: blue is their brightest channel, not so the cars'.
    const [red, , blue] = scaleOf({ ...test, labels: test.labels.subarray(0, 1000) }).mean
    expect(blue! - red!).toBeGreaterThan(5)
  })
})
