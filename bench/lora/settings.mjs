/** Conversations an update where rows are not packed. */
export const batchSize = 3
/** Tokens of the longest conversation. */
export const longest = 512
/** Tokens of a packed row, and rows an update: those of `volant instruct`. */
export const packing = { rowTokens: 256, batchSize: 2 }
export const rank = 8
export const targets = ['query', 'key', 'value', 'output', 'gate', 'up', 'down']
export const settings = {
  clip: 1,
  learningRate: 2e-4,
  weightDecay: 0,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
}
