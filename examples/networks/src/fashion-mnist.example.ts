// npm run example -- fashion-mnist: clothing in pictures of 28 x 28.
// --network cnn (default, less than 500,000 parameters), resnet, mobilenet, lenet or mlp.
import { Cnn, flatten, LeNet, MLP, MobileNet, ResNet, Sequential } from '@volant/nn'
import { classify, type Recipe } from './classify.js'
import { fashionMnist } from './data/pictures.js'
import type { NetworkOf } from './examples.js'
import { readOptions } from './options.js'

const augmentation = { flip: true, shift: [2, 2] } as const
const recipes: Record<NetworkOf<'fashion-mnist'>, () => Recipe> = {
  cnn: () => ({
    network: new Cnn({ channels: 1, size: [28, 28], classes: 10, norm: true, dropout: 0.3 }),
    epochs: 12,
    batchSize: 128,
    learningRate: 3e-3,
    smoothing: 0.05,
    augmentation: { flip: true, shift: [1, 1] },
    mirror: true,
  }),
  resnet: () => ({
    network: new ResNet({ channels: 1, classes: 10, widths: [24, 48, 96], blocks: 2 }),
    epochs: 16,
    batchSize: 128,
    learningRate: 5e-3,
    smoothing: 0.05,
    augmentation: { ...augmentation, erase: [[8, 8]] },
    mirror: true,
  }),
  mobilenet: () => ({
    network: new MobileNet({ channels: 1, classes: 10 }),
    epochs: 15,
    batchSize: 128,
    learningRate: 5e-3,
    smoothing: 0.05,
    augmentation,
    mirror: true,
  }),
  lenet: () => ({ network: new LeNet(), epochs: 15, batchSize: 128, learningRate: 3e-3 }),
  mlp: () => ({
    network: new Sequential([flatten, new MLP([784, 256, 128, 10], { dropout: 0.2 })]),
    epochs: 15,
    batchSize: 128,
    learningRate: 1e-3,
  }),
}

const options = readOptions('fashion-mnist')
await classify(fashionMnist(options.data), recipes[options.network ?? 'cnn'](), options)
