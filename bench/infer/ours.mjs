import { encodeOnnx } from '@volant/graph'
import { openSession } from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { encoder, input } from './model.mjs'

contest(async () => {
  const { batch, time } = JSON.parse(process.env.SHAPE)
  const session = await openSession(encodeOnnx(encoder(process.argv[2])), { threads: Number(process.env.THREADS) })
  const x = input(batch, time)
  return async () => {
    await session.run({ x })
  }
})
