import { quantiseDynamic } from '@volant/graph'

/** How the weights of each contestant are made smaller. */
export const passes = { float32: undefined, int8: (model) => quantiseDynamic(model).model }
