import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { FourBitWeight, TextGenerator, walk } from '@volant/nn'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Tokeniser } from '../tokenisers/tokeniser.js'
import { readDecoderAdapter, writeMergedDecoder } from './adapter.js'
import { fourBitNetwork, openDecoder, type PretrainedDecoder } from './pretrained.js'
import { TextWriter, type WriterOptions } from './text.js'
import { tuneDecoder } from './tune.js'

let folder: string
let decoder: PretrainedDecoder
const adapter = (name: string) => path.join(folder, name)
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'volant-adapters-'))
  decoder = await openDecoder(fileURLToPath(new URL('../../test/fixtures/writer', import.meta.url)))
  for (const [name, answer, rank, dora] of [
    ['yes', 'Yes.', 4, false],
    ['no', 'No!', 2, true],
  ] as const) {
    const chats = Array.from({ length: 12 }, (_, i) => ({
      messages: [
        { role: 'user', content: `which ${i}?` },
        { role: 'assistant', content: answer },
      ],
    }))
    const lora = { rank, dora }
    const options = { epochs: 4, learningRate: 0.03, batchSize: 2, maxTokens: 96, threads: 1, lora }
    const tuned = await tuneDecoder(decoder, chats, options)
    await tuned.save(adapter(name))
    await writeMergedDecoder(adapter(`${name}-merged`), decoder, tuned)
  }
})
afterAll(() => rm(folder, { recursive: true }))

/** What a writer of these options writes, by each adapter. */
async function written(options: WriterOptions, adapters: readonly number[], of = decoder): Promise<string[]> {
  const writer = await TextWriter.open(of, options)
  const texts: string[] = []
  for (const one of adapters) {
    let text = ''
    const asked = [{ role: 'user', content: 'which 3?' }]
    for await (const piece of writer.write(asked, { maxTokens: 24, seed: 5, adapter: one })) text += piece
    texts.push(text)
  }
  await writer.release()
  return texts
}

describe('adapters side by side', () => {
  it('write what each writes alone, and the decoder without one what it wrote before', async () => {
    const [plain] = await written({}, [0])
    const [yes] = await written({}, [0], await openDecoder(adapter('yes-merged')))
    const [no] = await written({}, [0], await openDecoder(adapter('no-merged')))
    expect(new Set([plain, yes, no]).size).toBe(3)
    const together = { adapters: [adapter('yes'), adapter('no')] }
    expect(await written(together, [0, 1, 2, 1, 0])).toEqual([plain, yes, no, yes, plain])
    expect(await written({ adapters: [adapter('no')] }, [0, 1])).toEqual([plain, no])
  })

  it('of LoRA are put on weights that are in 4 bits from the start', async () => {
    const network = fourBitNetwork(decoder.description)
    const weights = await readDecoderAdapter(adapter('yes'), decoder, network, await decoder.weights(network))
    const generator = await TextGenerator.open(network, weights)
    const { ids } = new Tokeniser(decoder.description.tokeniser).encode('a text')
    const [expected] = await generator.generate([Array.from(ids)], { length: 24, temperature: 0 })
    await generator.release()
    const writer = await TextWriter.open(decoder, { quantise: '4bit', adapters: [adapter('yes')] })
    const found = await writer.generator.generate([Array.from(ids)], { length: 24, temperature: 0, adapter: 1 })
    const layers = [...walk(writer.network).modules.keys()].filter((item) => item instanceof FourBitWeight)
    await writer.release()
    expect(found).toEqual([expected])
    expect(layers.length).toBe(14)
  })

  it('go with quantised weights', async () => {
    for (const quantise of ['int8', '4bit'] as const) {
      const texts = await written({ quantise, adapters: [adapter('yes'), adapter('no')] }, [0, 1, 2])
      expect(new Set(texts).size).toBe(3)
    }
  })

  it('that cannot be read are refused, or told of and left out', async () => {
    const adapters = [adapter('yes'), adapter('none')]
    await expect(TextWriter.open(decoder, { adapters })).rejects.toMatchObject({ code: 'adapter-not-found' })
    const told: string[] = []
    const onUnread = (folder: string, error: Error) => told.push(`${path.basename(folder)}: ${error.message}`)
    const [plain, yes, none] = await written({ adapters, onUnread }, [0, 1, 2])
    expect(none).toBe(plain)
    expect(yes).not.toBe(plain)
    expect(told).toEqual([expect.stringMatching(/^none: .* is no folder of an adapter/)])
  })
})
