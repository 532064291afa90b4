import { Random } from '@volant/nn'
import { contest } from '../contest/contestant.mjs'
import { encoderTraining } from '../contest/encoder.mjs'
import { copyOf, normal, training } from '../contest/training.mjs'
import { settings, shape } from './shape.mjs'

contest(async () => {
  const step = await training({ ...encoderTraining(), settings })
  const random = new Random(2)
  const tokens = () => normal(random, shape.batch, shape.time, shape.width)
  const batch = { x: tokens(), y: tokens() }
  return { given: () => copyOf(batch), step }
})
