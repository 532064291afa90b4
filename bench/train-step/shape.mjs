import { shape as encoder } from '../contest/encoder.mjs'

// The step that all contestants make: a MiniLM-shaped encoder on a batch of 16 x 64 tokens, mean-square loss, no embedding.
export const shape = { ...encoder, batch: 16, time: 64 }
export const settings = { clip: 1, learningRate: 1e-4, weightDecay: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }

/**
 * The matrix products of one step, forward and backward: `m x k` by `k x n`, `count` of them in one batched product.
 * `transA`, `transB` say how the operands lie in memory. The input's gradient, which nobody needs, is left out.
 */
export function products({ layers, width, heads, hidden, batch, time } = shape) {
  const rows = batch * time
  const linear = (inputs, outputs, inputGradient) => [
    { m: rows, k: inputs, n: outputs },
    { m: inputs, k: rows, n: outputs, transA: true },
    ...(inputGradient ? [{ m: rows, k: outputs, n: inputs, transB: true }] : []),
  ]
  const head = width / heads
  const count = batch * heads
  const attention = [
    { count, m: time, k: head, n: time, transB: true }, // scores = Q K^T
    { count, m: time, k: time, n: head }, // output = P V
    { count, m: time, k: time, n: head, transA: true }, // dV = P^T dO
    { count, m: time, k: head, n: time, transB: true }, // dP = dO V^T
    { count, m: time, k: time, n: head }, // dQ = dS K
    { count, m: time, k: time, n: head, transA: true }, // dK = dS^T Q
  ]
  return Array.from({ length: layers }, (_, layer) => [
    ...[0, 1, 2].flatMap(() => linear(width, width, layer > 0)), // query, key, value
    ...linear(width, width, true),
    ...linear(width, hidden, true),
    ...linear(hidden, width, true),
    ...attention,
  ]).flat()
}

export const flops = (list) => list.reduce((sum, { count = 1, m, k, n }) => sum + 2 * count * m * k * n, 0)
