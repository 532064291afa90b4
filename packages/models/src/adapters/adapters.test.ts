import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { GraphBuilder, readSafetensors, type Tensor, tensorOf, writeSafetensors } from '@volant/graph'
import {
  addAdapters,
  Context,
  compute,
  initialise,
  mergeAdapters,
  type Nested,
  Random,
  removeAdapters,
} from '@volant/nn'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { EncoderNetwork } from '../architectures/architecture.js'
import { Config } from '../architectures/config.js'
import { separated } from '../architectures/fused.js'
import { readWeights } from '../architectures/names.js'
import { encoderOf } from '../architectures/registry.js'
import { openWeights } from '../files/open.js'
import { hashWeights } from './base.js'
import { type AdapterBase, readAdapter } from './read.js'
import { writeAdapter } from './write.js'

const test = fileURLToPath(new URL('../../test', import.meta.url))
const bases = path.join(test, 'fixtures')
const fixtures = path.join(bases, 'adapters')
const python = process.env['VOLANT_PARITY_PYTHON']

const json = async (...parts: string[]) => JSON.parse(await readFile(path.join(...parts), 'utf8'))

interface Base extends AdapterBase {
  readonly network: EncoderNetwork
}

async function openBase(name: string): Promise<Base> {
  const folder = path.join(bases, name)
  const config = new Config(await json(folder, 'config.json'), name)
  const architecture = encoderOf(config)
  const network = architecture.network(config)
  const file = await openWeights(folder)
  const shown = architecture.fused ? separated(file, architecture.fused) : file
  const weights = await readWeights(network, architecture, shown, name)
  await file.close()
  return { network, architecture, weights, hash: await hashWeights(folder) }
}

/** The hidden states of the base's own token ids, a row for every token that is not padding. */
async function states(
  base: string,
  network: EncoderNetwork,
  weights: ReadonlyMap<string, Tensor>,
): Promise<number[][]> {
  const { ids, mask } = (await json(bases, base, 'expected.json')) as Record<'ids' | 'mask', number[][]>
  const dims = [ids.length, ids[0]!.length]
  const context = new Context(new GraphBuilder(), network)
  const hidden = network.apply(context, context.input('ids', 'int64', ['B', 'T']), {
    mask: context.input('mask', 'bool', ['B', 'T']),
  })
  const feeds = { ids: tensorOf('int64', dims, ids.flat()), mask: tensorOf('bool', dims, mask.flat()) }
  const result = await compute({ hidden }, { ...Object.fromEntries(weights), ...feeds })
  return tokensOf((result.hidden as Nested[][]).flat() as number[][], mask)
}

const tokensOf = (rows: readonly number[][], mask: number[][]) => rows.filter((_, place) => mask.flat()[place])

function expectClose(found: readonly number[][], expected: readonly number[][], most: number) {
  expect(found.length).toBe(expected.length)
  expect(found.length).toBeGreaterThan(8)
  expect(difference(found, expected)).toBeLessThan(most)
}

const difference = (a: readonly number[][], b: readonly number[][]) =>
  Math.max(...a.flatMap((row, i) => row.map((value, j) => Math.abs(value - b[i]![j]!))))

let folder = ''
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-adapters-'))
})
afterAll(() => rm(folder, { recursive: true, force: true }))

describe.each(await readdir(fixtures))('the adapter %s of PEFT', (name) => {
  it('says what PEFT says, and the same merged and written anew', async () => {
    const { base: from, hidden } = (await json(fixtures, name, 'expected.json')) as { base: string; hidden: number[][] }
    const { mask } = await json(bases, from, 'expected.json')
    const base = await openBase(from)
    const before = await states(from, base.network, base.weights)
    const { weights, others } = await readAdapter(path.join(fixtures, name), base)
    const found = await states(from, base.network, weights)
    expectClose(found, tokensOf(hidden, mask), 1e-4)
    expect(difference(found, before)).toBeGreaterThan(0.1)

    const written = path.join(folder, name)
    const { network, architecture, hash } = base
    await writeAdapter(written, { network, architecture, weights, base: { name: from, hash }, others })
    const again = await openBase(from)
    const reread = await readAdapter(written, { ...again, weights: withReplaced(again.weights, weights) })
    expectClose(await states(from, again.network, reread.weights), found, 1e-5)
    expect([...reread.others.keys()].sort()).toEqual([...others.keys()].sort())

    const merged = mergeAdapters(weights, network)
    removeAdapters(network)
    expectClose(await states(from, network, merged), found, 1e-5)
  })
})

/** What modules_to_save put in the place of the base's weights is the caller's to keep. */
const withReplaced = (base: ReadonlyMap<string, Tensor>, weights: ReadonlyMap<string, Tensor>) =>
  new Map([...base.keys()].map((name) => [name, weights.get(name)!]))

it('tells what of a file is not of the network', async () => {
  const { others } = await readAdapter(path.join(fixtures, 'bert-classifier'), await openBase('bert'))
  expect([...others.keys()].sort()).toEqual(['classifier.bias', 'classifier.weight'])
  const pooled = await readAdapter(path.join(fixtures, 'bert-dora'), await openBase('bert'))
  expect([...pooled.others.keys()]).toContain('pooler.dense.lora_A.weight')
})

/** Adapters on a base, with random numbers in all their parameters, as a training leaves them. */
async function adapted(name: string, options: { dora?: boolean; rankStabilised?: boolean }) {
  const base = await openBase(name)
  const { network } = base
  addAdapters(network, { targets: ['**.query', '**.feedForward.*'], rank: 3, alpha: 5, dropout: 0.1, ...options })
  addAdapters(network, { targets: ['**.layers.1.attention.value'], rank: 2, alpha: 7, dropout: 0.1, ...options })
  const weights = new Map([...initialise(network, 1), ...base.weights])
  for (const [path, { dims, data }] of weights) {
    const random = new Random(4, path)
    const drawn = Float32Array.from(data as Float32Array, () => 0.3 * random.normal())
    if (path.includes('.adapter.')) weights.set(path, { dtype: 'float32', dims, data: drawn })
  }
  return { ...base, weights, base: { name, hash: base.hash } }
}

describe.each([
  ['LoRA', {}],
  ['DoRA', { dora: true }],
  ['rank-stabilised LoRA', { rankStabilised: true }],
])('what we write of %s', (form, options) => {
  it('gives the same states read again, merged or not, and goes on from there', async () => {
    const one = await adapted('bert', options)
    const written = path.join(folder, `again-${form}`)
    await writeAdapter(written, one)
    const found = await states('bert', one.network, one.weights)
    const again = await openBase('bert')
    const { weights } = await readAdapter(written, again)
    expect([...weights.keys()].sort()).toEqual([...one.weights.keys()].sort())
    expectClose(await states('bert', again.network, weights), found, 1e-5)
    const fresh = await openBase('bert')
    expectClose(await states('bert', fresh.network, mergeAdapters(weights, again.network)), found, 1e-5)
  })

  it.skipIf(!python)('is loaded by PEFT to the same states (set VOLANT_PARITY_PYTHON to run it)', async () => {
    const one = await adapted('bert', options)
    const written = path.join(folder, `peft-${form}`)
    await writeAdapter(written, one)
    expectClose(await states('bert', one.network, one.weights), await peftStates('bert', written, 'AutoModel'), 1e-4)
  })
})

/** The states of a base with an adapter folder, as PEFT says. */
async function peftStates(base: string, written: string, kind: string): Promise<number[][]> {
  const script = [path.join(test, 'peft_states.py'), path.join(bases, base), written, kind]
  const { stdout } = await promisify(execFile)(python!, script)
  const { mask } = await json(bases, base, 'expected.json')
  return tokensOf(JSON.parse(stdout), mask)
}

it.skipIf(!python)(
  'PEFT loads the head that is written beside the encoder (set VOLANT_PARITY_PYTHON to run it)',
  async () => {
    const one = await adapted('bert', {})
    const others = new Map([
      [
        'classifier.weight',
        tensorOf(
          'float32',
          [2, 16],
          Array.from({ length: 32 }, (_, i) => i),
        ),
      ],
      ['classifier.bias', tensorOf('float32', [2], [1, 2])],
    ])
    const written = path.join(folder, 'with-head')
    await writeAdapter(written, { ...one, others, prefix: 'bert.' })
    const found = await peftStates('bert', written, 'AutoModelForSequenceClassification')
    expectClose(await states('bert', one.network, one.weights), found, 1e-4)
    const read = await readAdapter(written, await openBase('bert'))
    expect(read.others).toEqual(others)
  },
)

it('adapters of layers that files keep as one are one there, of the same numbers', async () => {
  const one = await adapted('modernbert', { dora: true })
  const found = await states('modernbert', one.network, one.weights)
  const written = path.join(folder, 'modernbert')
  await writeAdapter(written, one)
  const { target_modules } = await json(written, 'adapter_config.json')
  expect(target_modules).toContain('layers.0.attn.Wqkv')
  expect(target_modules).toContain('layers.1.mlp.Wi')
  const again = await openBase('modernbert')
  const read = await readAdapter(written, again)
  expectClose(await states('modernbert', again.network, read.weights), found, 1e-5)
  if (python) expectClose(found, await peftStates('modernbert', written, 'AutoModel'), 1e-4)
})

describe('refuses by name', () => {
  /** A copy of a fixture with other settings and tensors. */
  async function changed(name: string, settings: object, change: (tensors: Map<string, Tensor>) => void = () => {}) {
    const copy = await mkdtemp(path.join(folder, 'changed-'))
    await cp(path.join(fixtures, name), copy, { recursive: true })
    await writeFile(
      path.join(copy, 'adapter_config.json'),
      JSON.stringify({ ...(await json(copy, 'adapter_config.json')), ...settings }),
    )
    const { tensors } = readSafetensors(await readFile(path.join(copy, 'adapter_model.safetensors')))
    change(tensors)
    await writeFile(path.join(copy, 'adapter_model.safetensors'), writeSafetensors(tensors))
    return copy
  }

  const query = 'base_model.model.encoder.layer.0.attention.self.query'

  it.each<[string, object, string]>([
    ['other kinds of adapter', { peft_type: 'IA3' }, '"peft_type" is "IA3", expected one of LORA'],
    ['biases', { bias: 'lora_only' }, '"bias" is "lora_only", which is not supported; expected "none"'],
    ['changed bases', { init_lora_weights: 'pissa' }, '"init_lora_weights" is "pissa", which is not supported'],
    ['weights the other way round', { fan_in_fan_out: true }, '"fan_in_fan_out" is true, expected false'],
    ['repeated layers', { layer_replication: [[0, 1]] }, '"layer_replication" is [[0,1]], which is not supported'],
    [
      'regular expressions',
      { alpha_pattern: { '(a+)+$': 2 } },
      '"alpha_pattern" has "(a+)+$": 2, expected the name of a',
    ],
    [
      'another rank',
      { r: 3 },
      '.lora_A.weight" is float32 [4,16], but base and adapter_config.json ask for float32 [3,16]',
    ],
    [
      'a missing target',
      { target_modules: ['query', 'value', 'key'] },
      'asks for the tensor "encoder.layer.0.attention.self.key.lora_A.weight"',
    ],
    ['missing magnitudes', { use_dora: true }, 'query.lora_magnitude_vector", which is not among the weights'],
    [
      'another base',
      { volant_base_sha256: 'abc' },
      'the adapter belongs to "bert", whose weights have the sha256 abc; those of this base have',
    ],
  ])('%s', async (_, settings, message) => {
    const base = await openBase('bert')
    await expect(changed('bert-lora', settings).then((copy) => readAdapter(copy, base))).rejects.toThrow(message)
    // The network is as it was.
    expect(() => addAdapters(base.network, { targets: ['**'], rank: 1 })).not.toThrow()
  })

  it.each<[string, (tensors: Map<string, Tensor>) => void, string]>([
    [
      'a tensor that is missing',
      (tensors) => tensors.delete(`${query}.lora_B.weight`),
      'self.query.lora_B.weight", which is not among',
    ],
    [
      'a tensor of something else',
      (tensors) => tensors.set('lora.weight', tensorOf('float32', [1], [1])),
      'the tensor "lora.weight" is not of a PEFT adapter',
    ],
    [
      'an adapter of an embedding',
      (tensors) =>
        tensors.set('base_model.model.embeddings.word_embeddings.lora_embedding_A', tensorOf('float32', [1], [1])),
      'word_embeddings.lora_embedding_A" is of an adapter that is not supported',
    ],
    [
      'magnitudes without DoRA',
      (tensors) => tensors.set(`${query}.lora_magnitude_vector`, tensorOf('float32', [1], [1])),
      'query.lora_magnitude_vector" is of an adapter that is not supported here, or that adapter_config.json does not tell of',
    ],
  ])('%s', async (_, change, message) => {
    const copy = await changed('bert-lora', {}, change)
    await expect(readAdapter(copy, await openBase('bert'))).rejects.toThrow(message)
  })

  it('a folder without an adapter, a network that has one, and one that has none to write', async () => {
    const base = await openBase('bert')
    await expect(readAdapter(bases, base)).rejects.toThrow(
      'is no folder of an adapter: it has no readable adapter_config',
    )
    await expect(writeAdapter(folder, { ...base, base: { name: 'bert', hash: base.hash } })).rejects.toThrow(
      'no adapter to write',
    )
    await readAdapter(path.join(fixtures, 'bert-lora'), base)
    await expect(readAdapter(path.join(fixtures, 'bert-lora'), base)).rejects.toThrow(
      'the network has an adapter at "encoder.',
    )
    await expect(hashWeights(fixtures)).rejects.toThrow('holds none of them: model.safetensors')
  })

  it('adapters of several kinds in one file', async () => {
    const one = await adapted('bert', {})
    addAdapters(one.network, { targets: ['**.key'], rank: 2, dora: true, dropout: 0.1 })
    const weights = new Map([...initialise(one.network, 1), ...one.weights])
    await expect(writeAdapter(folder, { ...one, weights })).rejects.toThrow(
      /"dora" is (true|false) at "encoder.* and (true|false) at/,
    )
  })
})

it('knows a base by the sha256 of its weight file, or of the list of several', async () => {
  const alone = await hashWeights(path.join(bases, 'bert'))
  const shards = await mkdtemp(path.join(folder, 'shards-'))
  for (const name of ['model-00001-of-00002.safetensors', 'model-00002-of-00002.safetensors'])
    await cp(path.join(bases, 'bert', 'model.safetensors'), path.join(shards, name))
  const map = { a: 'model-00001-of-00002.safetensors', b: 'model-00002-of-00002.safetensors' }
  await writeFile(path.join(shards, 'model.safetensors.index.json'), JSON.stringify({ weight_map: map }))
  const several = await hashWeights(shards)
  await writeFile(path.join(shards, 'model-00002-of-00002.safetensors'), 'changed')
  const all = [alone, several, await hashWeights(shards)]
  for (const hash of all) expect(hash).toMatch(/^[0-9a-f]{64}$/)
  expect(new Set(all).size).toBe(3)
  await rm(path.join(shards, map.b))
  await expect(hashWeights(shards)).rejects.toThrow(/shard "model-00002-of-00002.safetensors" .* is missing/)
  await rename(path.join(shards, map.a), path.join(shards, 'other.safetensors'))
  await rm(path.join(shards, 'model.safetensors.index.json'))
  expect(await hashWeights(shards)).toBe(alone)
})
