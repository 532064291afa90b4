import { decoderNetwork, openDecoder, Tokeniser } from '@volant/models'
import { TextGenerator } from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { passes } from './passes.mjs'

contest(async () => {
  const decoder = await openDecoder(process.env.BASE)
  const generator = await TextGenerator.open(decoderNetwork(decoder.description), await decoder.weights(), {
    threads: Number(process.env.THREADS),
    compress: passes[process.argv[2]],
  })
  const ids = Array.from(new Tokeniser(decoder.description.tokeniser).encode(process.env.PROMPT).ids)
  const length = Number(process.env.LENGTH)
  return async () => void (await generator.generate([ids], { length, temperature: 0 }))
})
