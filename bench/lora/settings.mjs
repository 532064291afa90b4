/** Conversations an update where rows are not packed. */
export const batchSize = 3
/** Tokens of a packed row, about as many as those of a batch. */
export const rowTokens = 512
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
