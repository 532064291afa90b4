import { GraphError } from '../error.js'
import type { OpRule, OpTable } from '../rule.js'
import { activations } from './activations.js'
import { attentionOps } from './attention.js'
import { channelNorms } from './channel-norms.js'
import { convolution } from './convolution.js'
import { chains } from './crf.js'
import { ctc } from './ctc.js'
import { elementwise } from './elementwise.js'
import { fourBit } from './four-bit.js'
import { gatherOps } from './gather.js'
import { losses } from './losses.js'
import { normalisation } from './normalisation.js'
import { borders } from './padding.js'
import { pooling } from './pooling.js'
import { positionOps } from './positions.js'
import { products } from './products.js'
import { random } from './random.js'
import { recurrent } from './recurrent.js'
import { reductions } from './reductions.js'
import { resizing } from './resize.js'
import { shapeOps } from './shape.js'

/** Every op there is: shape, gradient and lowering side by side. */
export const ops = {
  ...elementwise,
  ...activations,
  ...reductions,
  ...shapeOps,
  ...gatherOps,
  ...products,
  ...fourBit,
  ...normalisation,
  ...attentionOps,
  ...positionOps,
  ...convolution,
  ...pooling,
  ...borders,
  ...resizing,
  ...channelNorms,
  ...recurrent,
  ...chains,
  ...ctc,
  ...losses,
  ...random,
} satisfies OpTable

/** The row of an op; an unknown op is an error that names it and where it was met. */
export function ruleOf(op: string, path: string): OpRule {
  const rule = (ops as OpTable)[op]
  if (!rule || !Object.hasOwn(ops, op)) throw new GraphError('the table of ops has no such row', { op, path })
  return rule
}
