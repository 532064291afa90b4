import { createHash } from 'node:crypto'
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { NnError, type TrainSettings } from '@volant/nn'
import type { Task } from '../candidates/candidate.js'

/** Updates between two savings. */
const EVERY = 200

/**
 * Trains a network that saves its state in the folder `task.checkpoints` as it goes, and goes on from there when the same
 * training is started again. What is there of another training (other rows, spec or version) is dropped.
 */
export async function resumable<T>(
  name: string,
  task: Task,
  train: (checkpoint: TrainSettings['checkpoint']) => Promise<T>,
): Promise<T> {
  if (!task.checkpoints) return train(undefined)
  await mkdir(task.checkpoints, { recursive: true })
  const file = join(task.checkpoints, `${name}-${task.train.rows}.checkpoint`)
  const checkpoint = { file, every: EVERY, key: keyOf(task) }
  try {
    return await train(checkpoint)
  } catch (error) {
    if (!(error instanceof NnError && (error.code === 'other-run' || error.code === 'bad-checkpoint'))) throw error
    await rm(checkpoint.file, { force: true })
    return train(checkpoint)
  }
}

/** A hash of the spec, the base, and all that is learnt from or chosen by: the columns as they were read. */
function keyOf({ spec, train, valid, base }: Pick<Task, 'spec' | 'train' | 'valid' | 'base'>): string {
  const hash = createHash('sha256').update(JSON.stringify([spec, base?.description.base.sha256]))
  for (const { inputs, labels } of [train, valid]) {
    for (const [name, values] of [...Object.entries(inputs), ...Object.entries(labels)]) {
      hash.update(JSON.stringify([name, values.length]))
      // In pieces, as a whole column of long texts may be longer than a string can be.
      for (let from = 0; from < values.length; from += 1000)
        hash.update(JSON.stringify(values.slice(from, from + 1000)))
    }
  }
  return hash.digest('hex')
}
