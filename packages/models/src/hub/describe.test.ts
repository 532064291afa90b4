import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { tensorOf, writeSafetensors } from '@volant/graph'
import { afterAll, describe, expect, it } from 'vitest'
import { describeModel } from './describe.js'

const folder = mkdtempSync(path.join(tmpdir(), 'volant-describe-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

it('counts parameters from headers and reads configuration and model card', async () => {
  const tensors = new Map([
    ['weight', tensorOf('float32', [2, 3], [1, 2, 3, 4, 5, 6])],
    ['half', tensorOf('float16', [2], [0, 0])],
    ['positions', tensorOf('int64', [4], [0, 1, 2, 3])],
  ])
  const files = {
    'model.safetensors': writeSafetensors(tensors),
    'config.json': '{"architectures":["BertModel"],"vocab_size":100,"max_position_embeddings":64}',
    'README.md': '---\nlanguage: en\nlicense: other\nlicense_name: "house"\n---\n# License: mit\n',
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(path.join(folder, name), content)
  expect(await describeModel(folder)).toMatchObject({
    architecture: 'BertModel',
    parameters: 8,
    formats: { F32: 6, F16: 2 },
    licence: 'house',
    tokens: 100,
    positions: 64,
    files: [{ name: 'README.md' }, { name: 'config.json' }, { name: 'model.safetensors' }],
  })
})

it('describes a GGUF file by its metadata', async () => {
  const file = fileURLToPath(new URL('../../test/weights/every.gguf', import.meta.url))
  expect(await describeModel(file)).toMatchObject({
    architecture: 'llama',
    parameters: 7 * 3 * 64,
    formats: { F32: 192, Q4_1: 192, Q5_0: 192 },
    licence: null,
    tokens: null,
  })
})

const models = process.env['VOLANT_TEST_MODELS'] ?? ''
describe.skipIf(!existsSync(path.join(models, 'minilm')))('models of VOLANT_TEST_MODELS', () => {
  it('describes MiniLM', async () => {
    expect(await describeModel(path.join(models, 'minilm'))).toMatchObject({
      architecture: 'BertModel',
      parameters: 22_713_216,
      licence: 'apache-2.0',
      tokens: 30_522,
      positions: 512,
    })
  })
})
