import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { bytesOf, readSafetensors, type Tensor, tensorOf, writeSafetensors } from '@volant/graph'
import { Random } from '@volant/nn'
import { afterAll, describe, expect, it } from 'vitest'
import { ModelsError } from '../errors.js'
import { readGguf } from './gguf.js'
import { openWeights } from './open.js'

const fixture = (name: string) => fileURLToPath(new URL(`../../test/weights/${name}`, import.meta.url))
const expected = readSafetensors(readFileSync(fixture('expected.safetensors'))).tensors
const folder = mkdtempSync(path.join(tmpdir(), 'volant-weights-'))
const inFolder = (name: string) => path.join(folder, name)
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Writes a file and gives its path. */
function file(name: string, content: Uint8Array | string): string {
  writeFileSync(inFolder(name), content)
  return inFolder(name)
}

async function readAll(source: string): Promise<Map<string, Tensor>> {
  const weights = await openWeights(source)
  try {
    const tensors = new Map<string, Tensor>()
    for (const name of weights.tensors.keys()) tensors.set(name, await weights.read(name))
    return tensors
  } finally {
    await weights.close()
  }
}

/** Equal bit for bit. */
function expectEqual(found: Tensor, { dtype, dims, data }: Tensor, name: string): void {
  expect({ dtype: found.dtype, dims: found.dims }, name).toEqual({ dtype, dims })
  expect(Buffer.from(bytesOf(found.data)).equals(bytesOf(data)), name).toBe(true)
}

/** A safetensors file with this header. */
function safetensors(header: object, data: number): Uint8Array {
  const json = Buffer.from(JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(json.length))
  return Buffer.concat([length, json, Buffer.alloc(data)])
}

const ones = (dims: number[]) => tensorOf('float32', dims, new Array(dims.reduce((a, b) => a * b, 1)).fill(1))

describe('what PyTorch wrote', () => {
  const names = [...expected.keys()].filter((name) => !name.startsWith('gguf.'))

  it.each(['plain.safetensors', 'torch.bin', 'legacy.bin'])(
    'reads every dtype of %s, also strided and shared',
    async (name) => {
      const tensors = await readAll(fixture(name))
      expect([...tensors.keys()].sort()).toEqual(names.toSorted())
      for (const key of names) expectEqual(tensors.get(key)!, expected.get(key)!, key)
    },
  )

  it('knows shapes and formats before anything is read', async () => {
    const weights = await openWeights(fixture('torch.bin'))
    expect(weights.tensors.get('transposed')).toMatchObject({ shape: [8, 6], format: 'F32' })
    expect(weights.tensors.get('bfloat16')).toMatchObject({ shape: [64], format: 'BF16' })
    await expect(weights.read('other')).rejects.toThrow(/has no tensor "other"; it has 17, such as "float32"/)
    await weights.close()
    await expect(weights.read('float32')).rejects.toThrow('was closed before "float32" was read')
  })

  it('refuses a pickle that holds an object with code', async () => {
    await expect(openWeights(fixture('module.bin'))).rejects.toThrow(
      /asks for "torch.nn.modules.linear.Linear", which would run code/,
    )
  })
})

describe('GGUF', () => {
  it('dequantises as the gguf package does, bit for bit', async () => {
    const weights = await readGguf(fixture('every.gguf'))
    for (const kind of ['F32', 'F16', 'BF16', 'Q8_0', 'Q4_0', 'Q4_1']) {
      expect(weights.tensors.get(kind)).toMatchObject({ shape: [3, 64], format: kind })
      expectEqual(await weights.read(kind), expected.get(`gguf.${kind}`)!, kind)
    }
    await expect(weights.read('Q5_0')).rejects.toThrow(/holds "Q5_0" in Q5_0, which is not read; .*Q8_0, Q4_0, Q4_1/)
    await weights.close()
  })

  it('reads metadata of all types', async () => {
    const weights = await readGguf(fixture('every.gguf'))
    await weights.close()
    expect(Object.fromEntries(weights.metadata)).toMatchObject({
      'general.architecture': 'llama',
      answer: 42,
      small: -3,
      large: 2n ** 60n,
      rate: 0.5,
      yes: true,
      greeting: 'Grüße 你好',
      tokens: ['a', 'bc', ''],
      scores: [0.25, -1.5],
    })
  })

  it('refuses other versions and headers that claim more than there is', async () => {
    const bytes = readFileSync(fixture('every.gguf'))
    const changed = (at: number, value: bigint | number) => {
      const copy = Buffer.from(bytes)
      if (typeof value === 'bigint') copy.writeBigUInt64LE(value, at)
      else copy.writeUInt32LE(value, at)
      return file('changed.gguf', copy)
    }
    await expect(openWeights(changed(4, 1))).rejects.toThrow('is GGUF of version 1, expected 2 or 3')
    await expect(openWeights(changed(8, 2n ** 60n))).rejects.toThrow(ModelsError)
    await expect(openWeights(changed(16, 2n ** 60n))).rejects.toThrow(ModelsError)
    const dims = bytes.indexOf('Q4_1') + 8
    await expect(openWeights(changed(dims, 2n ** 60n))).rejects.toThrow('is cut short')
    await expect(openWeights(changed(dims, 48n))).rejects.toThrow('48 numbers a row, expected a multiple of 32')
    const info = bytes.indexOf('Q8_0') + 4 + 4 + 16
    await expect(openWeights(changed(info, 99))).rejects.toThrow('in the unknown format 99')
    await expect(openWeights(changed(info + 4, 0n))).rejects.toThrow('the tensors "F32" and "Q8_0" overlap')
    await expect(openWeights(file('short.gguf', bytes.subarray(0, 300)))).rejects.toThrow('ends within its header')
  })
})

describe('shards', () => {
  const write = (map: Record<string, string>) => {
    file('a.safetensors', writeSafetensors(new Map([['x', ones([2])]])))
    file('b.safetensors', writeSafetensors(new Map([['y', ones([300])]])))
    file('model.safetensors.index.json', JSON.stringify({ weight_map: map }))
  }

  it('are one set of tensors', async () => {
    write({ x: 'a.safetensors', y: 'b.safetensors' })
    expect([...(await readAll(folder)).keys()]).toEqual(['x', 'y'])
  })

  it('are refused by name when missing, cut short or without their tensor', async () => {
    write({ x: 'a.safetensors', y: 'c.safetensors' })
    await expect(openWeights(folder)).rejects.toThrow(/The shard "c.safetensors" .* is missing; fetch the model again/)
    write({ x: 'a.safetensors', z: 'b.safetensors' })
    await expect(openWeights(folder)).rejects.toThrow('says that "b.safetensors" holds "z"; it does not')
    write({ x: 'a.safetensors', y: '../b.safetensors' })
    await expect(openWeights(folder)).rejects.toThrow('expected the name of a file beside it')
    write({ x: 'a.safetensors', y: 'b.safetensors' })
    truncateSync(inFolder('b.safetensors'), 1000)
    await expect(openWeights(folder)).rejects.toThrow(
      /b.safetensors" is cut short: it holds 1000 bytes, its header describes 12\d\d; fetch it again/,
    )
    file('model.safetensors.index.json', '{}')
    await expect(openWeights(folder)).rejects.toThrow('is not an index of shards: it has no "weight_map"')
  })
})

describe('large and hostile files', () => {
  it('reads from beyond 4 GB by position', async () => {
    const size = 5 * 2 ** 30
    const header = {
      large: { dtype: 'F32', shape: [size / 4], data_offsets: [0, size] },
      last: { dtype: 'BF16', shape: [2], data_offsets: [size, size + 4] },
    }
    const source = file('sparse.safetensors', safetensors(header, 0))
    const handle = await open(source, 'r+')
    const { size: start } = await handle.stat()
    await handle.write(Buffer.from([0x80, 0x3f, 0, 0xc0]), 0, 4, start + size)
    await handle.close()
    const weights = await openWeights(source)
    expect([...(await weights.read('last')).data]).toEqual([1, -2])
    await weights.close()
    rmSync(source)
  })

  it('knows safetensors by its header, however long, from the first byte of a pickle', async () => {
    const header = { w: { dtype: 'F32', shape: [1], data_offsets: [0, 4] }, __metadata__: { note: '' } }
    header.__metadata__.note = ' '.repeat(0x180 - JSON.stringify(header).length)
    const weights = await openWeights(file('adapter', safetensors(header, 4)))
    expect([...weights.tensors.keys()]).toEqual(['w'])
    await weights.close()
  })

  it('does not allocate what a header only claims', async () => {
    const huge = { w: { dtype: 'F32', shape: [2 ** 50, 2 ** 10], data_offsets: [0, 2 ** 53 - 1] } }
    await expect(openWeights(file('huge.safetensors', safetensors(huge, 8)))).rejects.toThrow(
      'has 9007199254740991 bytes',
    )
    const cut = { w: { dtype: 'F32', shape: [2 ** 40], data_offsets: [0, 2 ** 42] } }
    await expect(openWeights(file('huge.safetensors', safetensors(cut, 8)))).rejects.toThrow('is cut short')
  })

  it.each([
    ['nothing', '', 'begins with "", expected safetensors, GGUF or PyTorch'],
    ['a text', 'hello, this is a text', 'begins with "hello, t"'],
    ['a pointer of Git LFS', 'version https://git-lfs.github.com/spec/v1\noid sha256:0\n', 'run "git lfs pull"'],
    ['a ZIP without its end', 'PK\x03\x04 and so on', 'a ZIP file without its directory'],
    [
      'overlapping tensors',
      safetensors(
        {
          a: { dtype: 'F32', shape: [2], data_offsets: [0, 8] },
          b: { dtype: 'F32', shape: [1], data_offsets: [4, 8] },
        },
        8,
      ),
      'no gaps or overlaps',
    ],
    [
      'an unknown dtype',
      safetensors({ a: { dtype: 'F8_E4M3', shape: [1], data_offsets: [0, 1] } }, 1),
      'has the dtype "F8_E4M3", expected one of F64 F32 F16 BF16',
    ],
  ])('refuses %s', async (_name, content, message) => {
    const error = await openWeights(file('weights.bin', content)).catch((error) => error)
    expect(error).toBeInstanceOf(ModelsError)
    expect(error.message).toContain(message)
  })

  it('refuses a folder without weights, and one with several', async () => {
    const empty = mkdtempSync(path.join(folder, 'empty-'))
    await expect(openWeights(empty)).rejects.toThrow('holds none of them: model.safetensors')
    for (const name of ['a.gguf', 'b.gguf']) copyFileSync(fixture('every.gguf'), path.join(empty, name))
    await expect(openWeights(empty)).rejects.toThrow('several files (a.gguf, b.gguf); name one of them')
    await expect(openWeights(path.join(empty, 'gone'))).rejects.toThrow('does not exist')
  })

  it.each(['plain.safetensors', 'torch.bin', 'legacy.bin', 'every.gguf'])(
    'reads or refuses %s however it is damaged',
    async (name) => {
      const whole = readFileSync(fixture(name))
      const random = new Random(42)
      const below = (limit: number) => random.uint32() % limit
      for (let round = 0; round < 400; round++) {
        const bytes = Buffer.from(whole)
        // Half of the damage where headers are.
        for (let flips = below(4); flips >= 0; flips--) bytes[below(below(2) ? bytes.length : 1000)] = below(256)
        const end = below(3) ? bytes.length : below(bytes.length)
        await readAll(file('damaged', bytes.subarray(0, end))).catch((error) => {
          if (!(error instanceof ModelsError)) throw new Error(`round ${round}`, { cause: error })
        })
      }
    },
  )
})
