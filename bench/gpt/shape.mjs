// nanoGPT's configuration for a CPU, on tinyshakespeare by character; no dropout, no biases in the linear layers. Ours has rotary
// positions, which cost more than the learned ones of PyTorch's side and reach a lower loss.
export const shape = { vocabulary: 65, layers: 4, heads: 4, width: 128, context: 64, batch: 12 }
export const settings = { clip: 1, learningRate: 1e-3, weightDecay: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-8 }
