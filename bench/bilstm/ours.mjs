import { LSTM, meanSquaredError, Random } from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { copyOf, normal, training } from '../contest/training.mjs'
import { settings, shape } from './shape.mjs'

contest(async () => {
  const { time, inputs, hidden, batch } = shape
  const model = new LSTM(inputs, hidden, { bidirectional: true })
  const step = await training({
    model,
    inputs: {
      x: { dtype: 'float32', shape: ['B', 'T', inputs] },
      y: { dtype: 'float32', shape: ['B', 'T', model.width] },
    },
    loss: (context, { x, y }) => meanSquaredError(model.apply(context, x).y, y),
    settings,
  })
  const random = new Random(2)
  const fed = { x: normal(random, batch, time, inputs), y: normal(random, batch, time, model.width) }
  return { given: () => copyOf(fed), step }
})
