import fs from 'node:fs'
import { answerLoss, chatBatch, chatInputs, decoderNetwork, openDecoder } from '@volant/models'
import { adamW, addAdapters, compileTraining, createRuntime, firstState, optimiserScalars } from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { rank, targets } from './settings.mjs'

contest(async () => {
  const { chats, ...updates } = JSON.parse(fs.readFileSync(process.env.DATA, 'utf8'))
  const { clip, learningRate, ...adam } = JSON.parse(process.env.SETTINGS)
  const decoder = await openDecoder(process.env.BASE)
  const network = decoderNetwork(decoder.description)
  const freeze = addAdapters(network, { rank, alpha: 2 * rank, targets: targets.map((name) => `decoder.**.${name}`) })
  const optimiser = adamW(adam)
  const compiled = compileTraining({
    model: network,
    inputs: chatInputs,
    loss: (context, inputs) => answerLoss(network, context, inputs),
    optimiser,
    clip,
    freeze,
  })
  const runtime = createRuntime({ threads: Number(process.env.THREADS) })
  await runtime.load('step', compiled.programs.step)
  await runtime.write(firstState(network, compiled, 1, await decoder.weights()))
  const encoded = chats.map(({ ids, learnt }) => ({ ids: Int32Array.from(ids), learnt: Uint8Array.from(learnt) }))
  const own = updates[process.argv[2]].map((rows) => rows.map((row) => row.map((one) => encoded[one])))
  let steps = 0
  return {
    given: () => chatBatch(own[steps++ % own.length]),
    step: async (batch) => {
      const scalars = { lossWeight: 1, seed: 1, ...optimiserScalars(optimiser, steps, learningRate) }
      return (await runtime.step('step', batch, scalars)).loss.data[0]
    },
  }
})
