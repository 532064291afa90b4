import type { FeedForwardActivation } from '@volant/nn'

/** The names of activations in config.json. */
export const activations: Readonly<Record<string, FeedForwardActivation>> = {
  gelu: 'gelu',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  gelu_fast: 'geluTanh',
  relu: 'relu',
  silu: 'silu',
  swish: 'silu',
}
