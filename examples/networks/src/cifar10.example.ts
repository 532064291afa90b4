// npm run example -- cifar10: objects in colour, 32 x 32, from two fifths of CIFAR-10's training pictures.
// --network resnet (default) or mobilenet.
import { MobileNet, ResNet } from '@volant/nn'
import { classify, type Recipe } from './classify.js'
import { cifar10 } from './data/pictures.js'
import type { NetworkOf } from './examples.js'
import { readOptions } from './options.js'

const common = {
  batchSize: 128,
  smoothing: 0.05,
  augmentation: { flip: true, shift: [4, 4], erase: [[8, 8]] },
  mirror: true,
} as const
const recipes: Record<NetworkOf<'cifar10'>, () => Recipe> = {
  resnet: () => ({
    ...common,
    network: new ResNet({ channels: 3, classes: 10, widths: [24, 48, 96], blocks: 2 }),
    epochs: 30,
    learningRate: 5e-3,
  }),
  mobilenet: () => ({
    ...common,
    network: new MobileNet({ channels: 3, classes: 10 }),
    epochs: 30,
    learningRate: 5e-3,
  }),
}

const options = readOptions('cifar10')
await classify(await cifar10(options.data), recipes[options.network ?? 'resnet'](), options)
