import { describe, expect, it } from 'vitest'
import { GraphBuilder } from '../builder.js'
import type { Shape } from '../dims.js'
import { GraphError } from '../error.js'
import { geglu, prelu } from '../functions/activations.js'
import { conv1d, conv2d, convTranspose2d } from '../functions/convolution.js'
import { einsum } from '../functions/einsum.js'
import { batchNorm, fixedBatchNorm, groupNorm, rmsNorm } from '../functions/normalisation.js'
import { padReflect } from '../functions/padding.js'
import { adaptiveAveragePool, averagePool2d, globalMaxPool, maxPool2d } from '../functions/pooling.js'
import { cumSum, reduceSum, variance } from '../functions/reductions.js'
import { resize } from '../functions/resize.js'
import { scatterElements } from '../functions/shape.js'
import { gradients } from '../gradients.js'
import type { Value } from '../graph.js'

/** What is built, from which shapes, and what the message must say besides the path. */
const refused: [name: string, shapes: Shape[], build: (...x: Value[]) => unknown, says: string][] = [
  [
    'channels',
    [
      [2, 3, 8, 8],
      [4, 5, 3, 3],
    ],
    (x, w) => conv2d(x!, w!),
    'conv at cnn.stem: the channels of input and weight differ: 3 and 5 (shapes [2,3,8,8] and [4,5,3,3])',
  ],
  [
    'groups',
    [
      [2, 3, 8],
      [4, 1, 3],
    ],
    (x, w) => conv1d(x!, w!, undefined, { groups: 2 }),
    'conv at cnn.stem: 3 channels cannot be divided into 2 groups (shapes [2,3,8] and [4,1,3])',
  ],
  [
    'a small image',
    [
      [2, 3, 2, 8],
      [4, 3, 3, 3],
    ],
    (x, w) => conv2d(x!, w!),
    'conv at cnn.stem: a kernel of 3×3 is larger than the padded input, axis 2 of 2',
  ],
  [
    'rank',
    [
      [2, 3, 8],
      [4, 3, 3, 3],
    ],
    (x, w) => conv2d(x!, w!),
    'conv2d at cnn.stem: the input must be [batch, channels, height, width] (shapes [2,3,8])',
  ],
  ['a bias', [[2, 3, 8, 8], [4, 3, 3, 3], [3]], (x, w, b) => conv2d(x!, w!, b), 'the bias must be [4]'],
  [
    'stride',
    [
      [2, 3, 8, 8],
      [4, 3, 3, 3],
    ],
    (x, w) => conv2d(x!, w!, undefined, { stride: 0 }),
    'the stride must be whole numbers of at least 1',
  ],
  [
    'same of unknown size',
    [
      [2, 3, 'H', 8],
      [4, 3, 3, 3],
    ],
    (x, w) => conv2d(x!, w!, undefined, { stride: 2, padding: 'same' }),
    "padding 'same' with a stride needs a known size, found H",
  ],
  [
    'output padding',
    [
      [2, 3, 8, 8],
      [3, 4, 3, 3],
    ],
    (x, w) => convTranspose2d(x!, w!, undefined, { stride: 2, outputPadding: 2 }),
    'the output padding must be less than the stride',
  ],
  [
    'padding of a pool',
    [[1, 1, 4, 4]],
    (x) => maxPool2d(x!, 2, { padding: 2 }),
    'maxPool at cnn.stem: padding of 2,2,2,2 leaves windows of 2×2 without an element (shapes [1,1,4,4])',
  ],
  ['a large window', [[1, 1, 4, 4]], (x) => averagePool2d(x!, 5), 'averagePool at cnn.stem: a kernel of 5×5 is larger'],
  [
    'no places',
    [[4, 4]],
    (x) => globalMaxPool(x!),
    'globalMaxPool at cnn.stem: the input must be [batch, channels, one or more axes] (shapes [4,4])',
  ],
  [
    'parts of unknown size',
    [[1, 1, 'H', 4]],
    (x) => adaptiveAveragePool(x!, 2),
    'axis 2 must have a known size to be divided into 2 parts',
  ],
  [
    'gamma',
    [[2, 3, 4], [4], [3]],
    (x, g, b) => batchNorm(x!, g!, b!),
    'batchNorm at cnn.stem: gamma and beta must be [3] (shapes [2,3,4] and [4] and [3])',
  ],
  [
    'statistics',
    [[2, 3], [3], [3], [3], [2]],
    (...x) => fixedBatchNorm(...(x as [Value, Value, Value, Value, Value])),
    'must be [3]',
  ],
  [
    'groups of channels',
    [[2, 6, 4], [6], [6]],
    (x, g, b) => groupNorm(x!, g!, b!, 4),
    'groupNorm at cnn.stem: 6 channels cannot be divided into 4 groups',
  ],
  ['width', [[2, 6], [5]], (x, g) => rmsNorm(x!, g!), 'rmsNorm at cnn.stem: gamma must be [6] (shapes [2,6] and [5])'],
  [
    'slopes',
    [[2, 3, 4], [2]],
    (x, slope) => prelu(x!, slope!),
    'prelu at cnn.stem: shapes [2,3,4] and [2,1] do not broadcast',
  ],
  ['an odd axis', [[2, 3]], (x) => geglu(x!), 'geglu at cnn.stem: axis 1 cannot be halved (shapes [2,3])'],
  [
    'more mirrored than there is',
    [[2, 3]],
    (x) => padReflect(x!, 1, 3, 0),
    'padReflect at cnn.stem: cannot pad axis 1 of 3 with 3 before and 0 after (shapes [2,3])',
  ],
  [
    'size and scale',
    [[1, 1, 4]],
    (x) => resize(x!, { size: 2, scale: 2 }),
    'resize at cnn.stem: give either a size or a scale (shapes [1,1,4])',
  ],
  [
    'a fraction of an unknown size',
    [[1, 1, 'T']],
    (x) => resize(x!, { scale: 1.5 }),
    'an axis of unknown size T can only be scaled by whole numbers, found 1.5',
  ],
  [
    'letters',
    [
      [2, 3],
      [4, 5],
    ],
    (a, b) => einsum('ij,jk', a!, b!),
    'einsum at cnn.stem: "ij,jk": "j" is 3 in one operand and 4 in another (shapes [2,3] and [4,5])',
  ],
  ['other axes', [[2, 3]], (a) => einsum('...i->i', a!), 'the result must have "..." where the operands have it'],
  ['operands', [[2, 3]], (a) => einsum('ij,jk', a!), '"ij,jk": has 2 operands, 1 were given'],
  [
    'an axis',
    [[2, 3]],
    (x) => cumSum(x!, 2),
    'cumSum at cnn.stem: axis 2 is out of range for 2 dimensions (shapes [2,3])',
  ],
  [
    'a sample of one',
    [[1, 3]],
    (x) => variance(x!, 0, false, 1),
    'variance at cnn.stem: a variance over 1 elements with the correction 1 is not defined',
  ],
]

describe('the ops for images and sequences', () => {
  it.each(refused)('refuse %s by name', (_name, shapes, build, says) => {
    const b = new GraphBuilder()
    const x = shapes.map((shape, i) => b.input(`x${i}`, 'float32', shape))
    const attempt = () => b.at('cnn.stem', () => build(...x))
    expect(attempt).toThrow(GraphError)
    expect(attempt).toThrow('cnn.stem')
    expect(attempt).toThrow(says)
  })

  it('refuse indices and updates of two shapes', () => {
    const b = new GraphBuilder()
    const [data, updates] = [b.input('data', 'float32', [4]), b.input('updates', 'float32', [3])]
    const indices = b.input('indices', 'int64', [2])
    expect(() => scatterElements(data, indices, updates, 0)).toThrow('indices [2] and updates [3] differ in shape')
  })

  it('name the op whose gradient is missing for a size not known', () => {
    const b = new GraphBuilder()
    const x = b.input('x', 'float32', [1, 1, 'T'])
    const loss = reduceSum(b.at('cnn.up', () => resize(x, { scale: 2, mode: 'linear' })))
    expect(() => gradients(loss, [x])).toThrow(
      'resize at cnn.up: the gradient of resizing [T] to [2*T] needs known sizes',
    )
  })
})
