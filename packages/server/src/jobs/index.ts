export { type ChildOptions, runChild } from './child.js'
export { type ChildContext, childMain } from './child-main.js'
export {
  type FailedJob,
  JobFailed,
  Jobs,
  type JobView,
  type RunningJob,
  type SendOptions,
  type WorkOptions,
} from './jobs.js'
export type { LogLine, Progress } from './progress.js'
export type { Payload, QueueName } from './queues.js'
export { jobsMigrations } from './schema.js'
