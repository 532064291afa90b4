import { encodeOnnx } from '@volant/graph'
import { openSession } from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { encoder, input } from './model.mjs'

contest(async () => {
  const { batch, time, repeat } = JSON.parse(process.env.INPUT)
  const session = await openSession(encodeOnnx(encoder(process.argv[2])), { threads: Number(process.env.THREADS) })
  const x = input(batch, time)
  return async () => {
    for (let i = 0; i < repeat; i++) await session.run({ x })
  }
})
