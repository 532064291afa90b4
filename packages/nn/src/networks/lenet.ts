import { averagePool2d, tanh, type Value } from '@volant/graph'
import type { Context } from '../modules/context.js'
import { Conv2d } from '../modules/convolution.js'
import { glorot } from '../modules/initialisers.js'
import { MLP } from '../modules/linear.js'
import { Module } from '../modules/module.js'
import { flatten, Sequential } from '../modules/sequential.js'

/**
 * LeNet-5 (LeCun et al. 1998): x [B, 1, 28, 28] -> logits [B, classes]. Two 5x5 convolutions to 6 and 16 filters, each with tanh
 * and 2x2 averages, and layers of 120 and 84; every filter of the second convolution sees all of the first, as usual today.
 */
export class LeNet extends Module {
  readonly features: Sequential
  readonly classifier: MLP

  constructor({ channels = 1, classes = 10 } = {}) {
    super()
    const halve = (x: Value) => averagePool2d(tanh(x), 2)
    this.features = new Sequential([
      new Conv2d(channels, 6, 5, { padding: 2, initialiser: glorot }),
      halve,
      new Conv2d(6, 16, 5, { initialiser: glorot }),
      halve,
      flatten,
    ])
    this.classifier = new MLP([16 * 5 * 5, 120, 84, classes], { activation: 'tanh' })
  }

  protected forward(context: Context, x: Value): Value {
    return this.classifier.apply(context, this.features.apply(context, x))
  }
}
