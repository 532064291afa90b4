import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { modelKind } from './kind.js'

const fixture = (name: string) => fileURLToPath(new URL(`../test/${name}`, import.meta.url))

it('tells encoders from decoders', async () => {
  expect(await modelKind(fixture('fixtures/letters'))).toBe('encoder')
  expect(await modelKind(fixture('fixtures/writer'))).toBe('decoder')
  expect(await modelKind(fixture('weights/every.gguf'))).toBe('decoder')
})

it('lists what is known where it is neither', async () => {
  const folder = await mkdtemp(path.join(tmpdir(), 'volant-kind-'))
  await writeFile(path.join(folder, 'config.json'), '{"model_type": "mamba"}')
  await expect(modelKind(folder)).rejects.toThrow(
    /"mamba" is not known as an encoder or a decoder; known are bert, .*gpt2/,
  )
  await rm(folder, { recursive: true })
  await expect(modelKind(folder)).rejects.toThrow(/config\.json/)
})
