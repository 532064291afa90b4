// npm run example -- fsdd: a convolutional network hears spoken digits: pictures of 40 mel bands by 64 frames.
import { Cnn } from '@volant/nn'
import { classify } from './classify.js'
import { spokenDigits } from './data/sounds.js'
import { readOptions } from './options.js'

const options = readOptions('fsdd')
await classify(
  spokenDigits(options.data),
  {
    network: new Cnn({
      channels: 1,
      size: [40, 64],
      classes: 10,
      widths: [16, 32, 64, 96],
      hidden: 0,
      norm: true,
      dropout: 0.2,
    }),
    epochs: 20,
    batchSize: 32,
    learningRate: 4e-3,
    smoothing: 0.05,
    // Speak a little later, miss some frames and some bands.
    augmentation: {
      shift: [1, 10],
      erase: [
        [40, 6],
        [5, 64],
      ],
    },
  },
  options,
)
