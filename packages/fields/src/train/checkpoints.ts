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
  const { keys, rows, labels } = task.train
  const key = createHash('sha256')
    .update(JSON.stringify([keys, labels, task.spec]))
    .digest('hex')
  const checkpoint = { file: join(task.checkpoints, `${name}-${rows}.checkpoint`), every: EVERY, key }
  try {
    return await train(checkpoint)
  } catch (error) {
    if (!(error instanceof NnError && (error.code === 'other-run' || error.code === 'bad-checkpoint'))) throw error
    await rm(checkpoint.file, { force: true })
    return train(checkpoint)
  }
}
