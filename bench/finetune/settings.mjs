export const batchSize = 32
export const settings = {
  clip: 1,
  learningRate: 1e-4,
  weightDecay: 0.01,
  beta1: 0.9,
  beta2: 0.999,
  epsilon: 1e-8,
  smoothing: 0.1,
}
