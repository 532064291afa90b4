/** What `train.tune` may say. */
export const tuneNames = ['auto', 'probe', 'contrastive', 'full', 'top', 'biases', 'lora', 'dora'] as const
export type TuneName = (typeof tuneNames)[number]
/** Candidates that start from a base: those, and what learns the parts that `train.learn` names. */
export const baseCandidates = [...tuneNames, 'parts'] as const
export type BaseCandidate = Exclude<(typeof baseCandidates)[number], 'auto'>
