import { NnError } from '../errors.js'

interface Outcome {
  readonly step: number
  readonly learningRate: number
  readonly loss: number
  readonly norm: number
  /** Sums of squares of the gradients of `paths`, in order. */
  readonly squares: ArrayLike<number>
  readonly paths: readonly string[]
  /** The last checkpoint and its step. */
  readonly saved?: { readonly file: string; readonly step: number }
}

/**
 * Throws NnError `not-finite` when the loss or a gradient of an update is NaN or infinite, naming the first parameter affected.
 * The graph has left weights and optimiser state as they were before the update.
 */
export function refuseNotFinite({ step, learningRate, loss, norm, squares, paths, saved }: Outcome): void {
  if (Number.isFinite(loss) && Number.isFinite(norm)) return
  const first = paths.findIndex((_, i) => !Number.isFinite(squares[i]!))
  const parameter = first < 0 ? undefined : paths[first]
  const found = parameter === undefined ? `the loss is ${loss}` : `the gradient of "${parameter}" is not finite`
  const kept = saved ? `; checkpoint "${saved.file}" keeps step ${saved.step}` : ''
  throw new NnError(
    'not-finite',
    `Training stopped at step ${step}: ${found} (loss ${loss}, learning rate ${learningRate}); the weights are those before this step${kept}. Lower the learning rate, set clip, or look for extreme values in the data`,
    { step, parameter, loss, norm, learningRate, checkpoint: saved },
  )
}
