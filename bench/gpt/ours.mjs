import { tensorOf } from '@volant/graph'
import { GPT, nextTokenLoss, Random } from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { training } from '../contest/training.mjs'
import { settings, shape } from './shape.mjs'

contest(async () => {
  const { batch, context } = shape
  const model = new GPT({ ...shape, bias: false, positions: 'rotary' })
  const ids = { dtype: 'int64', shape: ['B', 'T'] }
  const step = await training({
    model,
    inputs: { ids, labels: ids },
    loss: (graph, { ids, labels }) => nextTokenLoss(model.apply(graph, ids), labels),
    settings,
  })
  const random = new Random(2)
  const places = batch * context
  return () => {
    const text = Array.from({ length: places + 1 }, () => random.integer(shape.vocabulary))
    return step({
      ids: tensorOf('int64', [batch, context], text.slice(0, places)),
      labels: tensorOf('int64', [batch, context], text.slice(1)),
    })
  }
})
