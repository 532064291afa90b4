/** What `train.tune` may say. */
export const tuneNames = ['auto', 'probe', 'contrastive', 'full', 'top', 'biases', 'lora', 'dora'] as const
export type TuneName = (typeof tuneNames)[number]
