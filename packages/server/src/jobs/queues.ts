import { z } from 'zod'

/** One kind of job. */
interface Queue {
  /** What a job is about: ids only, the rest is read when it runs. */
  readonly payload: z.ZodType<object>
  /** How often a job is tried before it has failed. */
  readonly attempts: number
  /** Seconds between two tries; doubled each time. */
  readonly retryDelay: number
  /** With it, one job per key may wait or run at a time. */
  readonly key?: (payload: never) => string
}

const id = z.string().min(1)

/** Every queue with the payload its jobs carry. A job that lies here waits for the stage that works on it. */
export const queues = {
  train: {
    payload: z.object({ project: id, run: id }),
    attempts: 3,
    retryDelay: 1,
  },
  improve: {
    payload: z.object({ project: id, iteration: id }),
    attempts: 3,
    retryDelay: 1,
    key: ({ project }: { project: string }) => project,
  },
} as const satisfies Record<string, Queue>

export type QueueName = keyof typeof queues
export type Payload<Q extends QueueName> = z.infer<(typeof queues)[Q]['payload']>
