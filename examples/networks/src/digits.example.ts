// npm run example -- digits: a small convolutional network reads handwritten digits of 8 x 8 in less than a minute.
import { Cnn } from '@volant/nn'
import { classify } from './classify.js'
import { digits } from './data/pictures.js'
import { readOptions } from './options.js'

const options = readOptions('digits')
await classify(
  digits(options.data),
  {
    network: new Cnn({ channels: 1, size: [8, 8], classes: 10, widths: [32, 64], norm: true, dropout: 0.3 }),
    epochs: 60,
    batchSize: 32,
    learningRate: 4e-3,
    smoothing: 0.05,
    augmentation: { shift: [1, 1] },
  },
  options,
)
