import { type Tensor, tensorOf } from '@volant/graph'
import { describe, expect, it } from 'vitest'
import { joined, separated } from './fused.js'

const fused = { Wqkv: ['query', 'key', 'value'], Wi: ['gate', 'up'] }
const matrix = (rows: number) =>
  tensorOf(
    'float32',
    [rows, 2],
    Array.from({ length: 2 * rows }, (_, i) => i),
  )

describe('layers that files keep as one', () => {
  it('are shown as their parts, and written as they were', async () => {
    const stored = new Map<string, Tensor>([
      ['layers.0.attn.Wqkv.weight', matrix(6)],
      ['layers.0.attn.Wqkv.bias', tensorOf('float32', [3], [1, 2, 3])],
      ['layers.0.mlp.Wi.weight', matrix(4)],
      ['layers.0.mlp.Wo.weight', matrix(2)],
    ])
    const weights = separated(
      {
        tensors: new Map([...stored].map(([name, { dims }]) => [name, { shape: dims, format: 'F32' }])),
        read: async (name) => stored.get(name)!,
        close: async () => {},
      },
      fused,
    )
    expect([...weights.tensors].map(([name, { shape }]) => [name, shape])).toEqual([
      ['layers.0.attn.query.weight', [2, 2]],
      ['layers.0.attn.key.weight', [2, 2]],
      ['layers.0.attn.value.weight', [2, 2]],
      ['layers.0.attn.query.bias', [1]],
      ['layers.0.attn.key.bias', [1]],
      ['layers.0.attn.value.bias', [1]],
      ['layers.0.mlp.gate.weight', [2, 2]],
      ['layers.0.mlp.up.weight', [2, 2]],
      ['layers.0.mlp.Wo.weight', [2, 2]],
    ])
    expect([...(await weights.read('layers.0.attn.key.weight')).data]).toEqual([4, 5, 6, 7])
    expect([...(await weights.read('layers.0.attn.value.bias')).data]).toEqual([3])
    const parts = new Map<string, Tensor>()
    for (const name of weights.tensors.keys()) parts.set(name, await weights.read(name))
    expect(joined(parts, fused)).toEqual(stored)
  })
})
