// The step that all contestants make: 3x3 convolutions to 32 and 64 channels, each with ReLU and 2x2 max pooling, a hidden layer
// of 128, ten classes, on batches of 64 grey pictures of 28 x 28; cross-entropy, clipping, AdamW.
export const shape = { size: 28, channels: [32, 64], hidden: 128, classes: 10, batch: 64 }
export const settings = { clip: 1, learningRate: 1e-3, weightDecay: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }
