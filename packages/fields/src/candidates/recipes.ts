import type { Spec } from '../spec/schema.js'

/** Settings of the linear model that suit the inputs and the number of rows. */
export function linearSettings(spec: Spec, rows: number): { C: number; loss: 'hinge' | 'softmax' } {
  const hasText = Object.values(spec.inputs).some((input) => input.type === 'text')
  if (!hasText) return { C: 1, loss: 'softmax' }
  return { C: rows > 20_000 ? 0.3 : 0.5, loss: 'hinge' }
}
