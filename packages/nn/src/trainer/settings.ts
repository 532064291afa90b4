import type { Tensor, Value } from '@volant/graph'
import { NnError } from '../errors.js'
import type { Context } from '../modules/context.js'
import { checkAveraging } from '../optimisers/averaging.js'
import type { Schedule } from '../optimisers/schedules.js'
import type { ProcessGroup } from '../parallel/group.js'
import type { Random } from '../random.js'
import type { Device } from '../runtime/devices.js'
import type { Runtime } from '../runtime/interface.js'
import type { Inputs, TrainingGraph } from './compile.js'

/** Tensors by input name; the first dim of each is the batch. Their buffers move to the runtime, so make them anew. */
export type Batch = Record<string, Tensor>

/** Rows that can be asked for in any order. */
export interface TrainingData {
  readonly rows: number
  /** Length of a row (tokens); batches then hold rows of like length. */
  readonly length?: (row: number) => number
  /**
   * Tensors of the given rows, made while the runtime works on the batch before. Chance, as in augmentation, is to come from
   * `random`, which depends on seed and update only, so that a resumed run sees the same.
   */
  batch(rows: Int32Array, random: Random): Batch | Promise<Batch>
}

/** `score` decides which weights are kept: lower is better. Other numbers are kept in the history. */
export interface Validation {
  readonly score: number
  readonly [metric: string]: number
}

/** Runs the `predict` outputs on a batch with the present weights. */
export type Predict = (batch: Batch) => Promise<Record<string, Tensor>>

export interface TrainSettings extends Omit<TrainingGraph, 'accumulate' | 'parallel'> {
  readonly data: TrainingData
  readonly batchSize: number
  readonly epochs: number
  /** Stop after this many updates; the schedule runs over these. */
  readonly maxSteps?: number
  readonly schedule: Schedule
  /** Seed of first weights, order and dropout. */
  readonly seed: number
  /** Batches whose gradients are summed for one update, default 1. */
  readonly accumulate?: number
  /**
   * First weights by path; what is absent is initialised. May also hold optimiser state, as `readCheckpoint` gives it: it is taken
   * where its dims fit.
   */
  readonly initial?: ReadonlyMap<string, Tensor>
  /** Updates that the optimiser state in `initial` has had, default 0; Adam corrects its means by their number. */
  readonly initialSteps?: number
  /** Outputs that `validate` may ask for; default `{ loss }`. Dropout is off. */
  readonly predict?: (context: Context, inputs: Inputs) => Readonly<Record<string, Value>>
  /** Called after each epoch, the first of which is 1; the weights with the lowest score are the result. */
  readonly validate?: (predict: Predict, epoch: number) => Promise<Validation>
  /** Validate also before the first update, as epoch 0; it is no candidate for the best weights. */
  readonly validateFirst?: boolean
  /** Stop after `patience` epochs without a better score. */
  readonly earlyStopping?: { readonly patience: number }
  /**
   * Save all state every `every` updates and at the end; an existing file of the same run is resumed, to the same bytes as
   * without the break. `key` names what the program cannot see, such as the version of the data. `leaveFrozen` leaves out what is
   * frozen and among `initial`, which must then be given again to go on.
   */
  readonly checkpoint?: {
    readonly file: string
    readonly every: number
    readonly key?: string
    readonly leaveFrozen?: boolean
  }
  /**
   * Processes that train this model together, from `joinProcesses`: each takes its share of every batch and all make the same
   * updates. Rank 0 writes the checkpoint, which all must be able to read; it can be resumed by any number of processes.
   */
  readonly parallel?: ProcessGroup
  /** Threads that share one operation; default all cores. */
  readonly threads?: number
  /** What computes; default the processor. See `presentDevices`. */
  readonly device?: Device
  /**
   * The runtime to train on, which stays the caller's, with the weights last reached; default one of its own, with `threads` on
   * `device`. A browser needs one: `createRuntime` of `@volant/nn/web`.
   */
  readonly runtime?: Runtime
  /** Stops after the present update, or in a validation, saves a checkpoint if there is one, and rejects with the signal's reason. */
  readonly signal?: AbortSignal
  readonly onEvent?: (event: TrainEvent) => void
}

export type TrainEvent =
  | { readonly type: 'start'; readonly step: number; readonly totalSteps: number; readonly parameters: number }
  | {
      readonly type: 'step'
      /** Updates done, of `totalSteps`. */
      readonly step: number
      readonly totalSteps: number
      /** From 1. */
      readonly epoch: number
      readonly loss: number
      /** Global norm of the gradients before clipping. */
      readonly norm: number
      readonly learningRate: number
      readonly rowsPerSecond: number
      readonly secondsLeft: number
    }
  | ({ readonly type: 'epoch'; readonly best: boolean } & EpochRecord)
  | { readonly type: 'checkpoint'; readonly step: number; readonly file: string }

export interface EpochRecord {
  /** From 1. */
  readonly epoch: number
  readonly step: number
  /** Mean over the epoch's rows. */
  readonly loss: number
  readonly validation?: Validation
}

export interface TrainResult {
  /** The best weights by path, or the last where nothing validates. */
  readonly parameters: Map<string, Tensor>
  /** Of `validateFirst`. */
  readonly first?: Validation
  readonly history: readonly EpochRecord[]
  readonly steps: number
  /** Epoch whose weights these are. */
  readonly bestEpoch: number
  readonly stoppedEarly: boolean
  readonly seconds: number
}

export function checkSettings(settings: TrainSettings): void {
  const { data, batchSize, epochs, maxSteps = 1, accumulate = 1, clip = 1, seed, checkpoint, earlyStopping } = settings
  const refuse = (message: string, details: Record<string, unknown>) => {
    throw new NnError('bad-settings', `train: ${message}`, details)
  }
  const whole = {
    'data.rows': data.rows,
    batchSize,
    epochs,
    maxSteps,
    accumulate,
    'checkpoint.every': checkpoint?.every ?? 1,
  }
  for (const [name, value] of Object.entries({ ...whole, 'earlyStopping.patience': earlyStopping?.patience ?? 1 }))
    if (!(Number.isInteger(value) && value >= 1))
      refuse(`${name} is ${value}, expected an integer of at least 1`, { name, value })
  if (!Number.isInteger(seed)) refuse(`seed is ${seed}, expected an integer`, { seed })
  if (!(clip > 0)) refuse(`clip is ${clip}, expected a number above 0`, { clip })
  if (settings.precision === 'float16' && (settings.device ?? 'cpu') === 'cpu')
    throw new NnError(
      'precision-not-here',
      'train: precision "float16" needs a graphics card (device "cuda", "dml", "coreml" or "webgpu"); the processor converts such numbers to 32 bits and back, which is slower than float32',
      { precision: 'float16', device: 'cpu' },
    )
  if (settings.average) checkAveraging(settings.average)
  if (earlyStopping && !settings.validate) refuse('earlyStopping needs `validate`', {})
}
