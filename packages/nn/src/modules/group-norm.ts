import { groupNorm, type Value } from '@volant/graph'
import { NnError } from '../errors.js'
import type { Context } from './context.js'
import { ones, zeros } from './initialisers.js'
import { Module } from './module.js'
import { Parameter } from './tree.js'

/**
 * Normalises each group of channels of each example to mean 0 and variance 1, then scales every channel by gamma and adds beta
 * (Wu and He 2018): x [B, channels, …] -> the same shape, in training and after alike.
 */
export class GroupNorm extends Module {
  readonly gamma: Parameter
  readonly beta: Parameter

  constructor(
    readonly groups: number,
    channels: number,
    readonly epsilon = 1e-5,
  ) {
    super()
    if (channels % groups !== 0)
      throw new NnError('bad-groups', `GroupNorm: ${channels} channels cannot be cut into ${groups} groups`, {
        channels,
        groups,
      })
    this.gamma = new Parameter([channels], ones)
    this.beta = new Parameter([channels], zeros)
  }

  protected forward(context: Context, x: Value): Value {
    return groupNorm(x, context.use(this.gamma), context.use(this.beta), this.groups, this.epsilon)
  }
}
