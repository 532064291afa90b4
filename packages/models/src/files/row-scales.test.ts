import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { type Tensor, tensorOf, writeSafetensors } from '@volant/graph'
import { Random } from '@volant/nn'
import { afterAll, describe, expect, it } from 'vitest'
import { openWeights } from './open.js'
import { quantisedTensors, quantiseRows } from './row-scales.js'

const folder = mkdtempSync(path.join(tmpdir(), 'volant-scales-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

function file(name: string, tensors: ReadonlyMap<string, Tensor>): string {
  const to = path.join(folder, `${name}.safetensors`)
  writeFileSync(to, writeSafetensors(tensors))
  return to
}

describe('matrices of 8-bit whole numbers with a scale a row', () => {
  it('the largest magnitude of a row is 127 scales, and a row of zeros stays one', () => {
    const { values, scales } = quantiseRows(tensorOf('float32', [3, 2], [0.5, -1.27, 0, 0, 2.54, 0.02]))
    expect([...values.data]).toEqual([50, -127, 0, 0, 127, 1])
    expect([...scales.data].map((scale) => Number(scale).toFixed(6))).toEqual(['0.010000', '0.000000', '0.020000'])
    expect(scales.dims).toEqual([3, 1])
  })

  it('what is written so is read as float32, no number off by more than half a scale', async () => {
    const random = new Random(1, 'scales')
    const matrix: Tensor = {
      dtype: 'float32',
      dims: [7, 33],
      data: Float32Array.from({ length: 231 }, () => random.normal()),
    }
    const bias = tensorOf('float32', [2], [0.1, 0.2])
    const weights = await openWeights(
      file(
        'written',
        quantisedTensors(
          new Map([
            ['layer.weight', matrix],
            ['layer.bias', bias],
          ]),
        ),
      ),
    )
    expect([...weights.tensors.keys()].sort()).toEqual(['layer.bias', 'layer.weight'])
    const read = await weights.read('layer.weight')
    expect({ dtype: read.dtype, dims: read.dims }).toEqual({ dtype: 'float32', dims: [7, 33] })
    const scales = quantiseRows(matrix).scales.data as Float32Array
    let worst = 0
    ;(read.data as Float32Array).forEach((value, at) => {
      worst = Math.max(worst, Math.abs(value - (matrix.data[at] as number)) / scales[Math.floor(at / 33)]!)
    })
    expect(worst).toBeGreaterThan(0.3)
    expect(worst).toBeLessThanOrEqual(0.5001)
    expect([...(await weights.read('layer.bias')).data]).toEqual([...bias.data])
    await weights.close()
  })

  it('scales that do not fit are refused by name; 8-bit numbers without scales stay what they are', async () => {
    const whole = tensorOf('int8', [2, 2], [1, 2, 3, 4])
    const weights = await openWeights(
      file(
        'wrong',
        new Map([
          ['a', whole],
          ['a_scale', tensorOf('float32', [3, 1], [1, 2, 3])],
          ['b', whole],
        ]),
      ),
    )
    await expect(weights.read('a')).rejects.toThrow(
      '"a" [2,2] has 3 scales of float32, expected a matrix and one float32 a row',
    )
    expect((await weights.read('b')).dtype).toBe('int8')
    await weights.close()
  })
})
