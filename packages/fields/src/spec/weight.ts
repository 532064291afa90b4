import { z } from 'zod'

/** Shared by all outputs. */
export const lossWeight = z
  .number()
  .positive()
  .default(1)
  .describe('Share of this output in the summed loss of a network with several outputs.')
