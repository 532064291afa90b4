import { describe, expect, it } from 'vitest'
import { addDims, dim, divideDims, floorDivideDims, multiplyDims, subtractDims } from './dims.js'

describe('dims', () => {
  it('have one normal form', () => {
    expect(dim('T*B')).toBe('B*T')
    expect(dim(' T + 2*B - 1')).toBe('2*B+T-1')
    expect(dim('B+B')).toBe('2*B')
    expect(dim('3')).toBe(3)
    expect(dim('B-B')).toBe(0)
    expect(dim('2*3*T')).toBe('6*T')
  })
  it('add, subtract and multiply', () => {
    expect(addDims('T', 2, 'T', -2)).toBe('2*T')
    expect(subtractDims('B*T', 'B*T')).toBe(0)
    expect(multiplyDims('B', 'T+1', 2)).toBe('2*B+2*B*T')
    expect(multiplyDims('T+1', 'T-1')).toBe('T*T-1')
    expect(multiplyDims(3, 4)).toBe(12)
  })
  it('divide where that is exact', () => {
    expect(divideDims('12*B*T', 'T')).toBe('12*B')
    expect(divideDims('12*B*T', '4*B')).toBe('3*T')
    expect(divideDims('B*T', 'B*T')).toBe(1)
    expect(divideDims('2*B+1', 2)).toBeUndefined()
    expect(divideDims(7, 2)).toBeUndefined()
  })
  it('name the whole part of what does not divide, and keep that name in sums and products', () => {
    expect(floorDivideDims(7, 2)).toBe(3)
    expect(floorDivideDims('4*T', 2)).toBe('2*T')
    const half = floorDivideDims('T-1', 2)
    expect(half).toBe('floor(T-1,2)')
    expect(multiplyDims('B', addDims(half, 1))).toBe('B+B*floor(T-1,2)')
    expect(floorDivideDims(addDims(half, 1), 2)).toBe('floor(floor(T-1,2)+1,2)')
  })
  it('refuse what is no dim', () => {
    expect(() => dim('B/2')).toThrow('Not a dimension: "B/2"')
    expect(() => addDims(1.5, 1)).toThrow('A dimension must be a whole number, found 1.5')
  })
})
