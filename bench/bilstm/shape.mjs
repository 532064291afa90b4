// The step that all contestants make: one bidirectional LSTM layer on sequences, mean-square loss on all of its outputs, clipping,
// AdamW without decay.
export const shape = { time: 100, inputs: 128, hidden: 128, batch: 32 }
export const settings = { clip: 1, learningRate: 1e-3, weightDecay: 0, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 }

/** Multiply-adds of a step, times two: products of input and state forwards, of states and weights backwards; not the input's gradient. */
export const flops = ({ time, inputs, hidden, batch }) => {
  const forward = inputs + hidden
  const backward = inputs + hidden + hidden
  return 2 * 2 * time * batch * 4 * hidden * (forward + backward)
}
