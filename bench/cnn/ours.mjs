import { Cnn, crossEntropy, Random } from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { copyOf, normal, training } from '../contest/training.mjs'
import { settings, shape } from './shape.mjs'

contest(async () => {
  const { size, channels, hidden, classes, batch } = shape
  const model = new Cnn({ channels: 1, size: [size, size], widths: channels, hidden, classes })
  const step = await training({
    model,
    inputs: { x: { dtype: 'float32', shape: ['B', 1, size, size] }, y: { dtype: 'int64', shape: ['B'] } },
    loss: (context, { x, y }) => crossEntropy(model.apply(context, x), y),
    settings,
  })
  const random = new Random(2)
  const x = normal(random, batch, 1, size, size)
  const labels = BigInt64Array.from({ length: batch }, () => BigInt(random.integer(classes)))
  const fed = { x, y: { dtype: 'int64', dims: [batch], data: labels } }
  return { given: () => copyOf(fed), step }
})
